using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway.Tests;

public sealed class TokenSourceTests : IDisposable
{
    private readonly AuthenticationWorld _world = new();

    public void Dispose() => _world.Dispose();

    /// <summary>Where a rule looks, a request with TOKEN in it, who it is found to be of, and what becomes of the request.</summary>
    public static TheoryData<string, string, string, string> Sources => new()
    {
        { "", "authorization: Bearer TOKEN", "alice", "authorization=" },
        { "", "authorization: bearer TOKEN", "alice", "authorization=" },
        { "", "authorization: Basic TOKEN", "anonymous", "" },
        { "", "x-token: TOKEN", "anonymous", "" },
        { "", "?a=b&access_token=TOKEN&c", "alice", "a=b&c" },
        { "", "?access_token=TOKEN", "alice", "query removed" },
        { "", "?other=TOKEN", "anonymous", "" },
        { "header x-token ", "x-token: TOKEN", "alice", "x-token=" },
        { "header x-token Token=", "x-token: Token=TOKEN", "alice", "x-token=" },
        { "header x-token Token=", "x-token: TOKEN", "anonymous", "" },
        { "header x-token ", "authorization: Bearer TOKEN", "anonymous", "" },
        { "param t", "?t=TOKEN", "alice", "query removed" },
        { "param t", "?access_token=TOKEN", "anonymous", "" },
        { "cookie session", "cookie: a=b; session=TOKEN; c=d", "alice", "cookie=a=b; c=d" },
        { "cookie session", "cookie: session=TOKEN", "alice", "cookie=" },
        { "cookie session", "cookie: sessions=TOKEN", "anonymous", "" },
        { "keep", "authorization: Bearer TOKEN", "alice", "" },
    };

    [Theory]
    [MemberData(nameof(Sources))]
    public async Task A_token_is_found_where_the_rule_says_and_not_sent_on_unless_it_says_so(string where, string request, string who, string changes)
    {
        string[] words = where.Split(' ');
        var rule = new JwtRule
        {
            Policy = _world.Rule.Policy,
            Issuer = AuthenticationWorld.Name,
            Jwks = _world.Issuer.Keys(),
            FromHeaders = words[0] == "header" ? [new JwtHeader(words[1], words[2])] : [],
            FromParams = words[0] == "param" ? [words[1]] : [],
            FromCookies = words[0] == "cookie" ? [words[1]] : [],
            ForwardOriginalToken = words[0] == "keep",
        };
        request = request.Replace("TOKEN", _world.Good(), StringComparison.Ordinal);

        AuthenticatedRequest answer = request[0] == '?' ? await _world.Ask([rule], request) : await _world.Ask([rule], "", request);

        Assert.Null(answer.Refusal);
        Assert.Equal(who, answer.Token?.Subject ?? "anonymous");
        string query = answer.Query switch { null => "", "" => "query removed", var rest => rest };
        Assert.Equal(changes, query + string.Join(' ', answer.Headers.Select(change => $"{change.Name}={change.Value}")));
    }

    [Fact]
    public async Task Claims_are_sent_on_in_headers_and_a_client_cannot_send_those_itself()
    {
        var rule = new JwtRule
        {
            Policy = _world.Rule.Policy,
            Issuer = AuthenticationWorld.Name,
            Jwks = _world.Issuer.Keys(),
            OutputPayloadToHeader = "x-payload",
            OutputClaimToHeaders = [new("x-sub", "sub"), new("x-level", "level"), new("x-city", "address.city"), new("x-groups", "groups"), new("x-none", "none"), new("x-evil", "evil")],
        };
        string token = _world.Good(",\"level\":3,\"address\":{\"city\":\"Ulm\"},\"groups\":[\"a\"],\"evil\":\"a\\r\\nx-admin: yes\"");
        string payload = token.Split('.')[1];

        AuthenticatedRequest answer = await _world.Ask([rule], "", $"authorization: Bearer {token}", "x-sub: mallory", "x-none: mallory", "x-payload: mallory");
        AuthenticatedRequest anonymous = await _world.Ask([rule], "", "x-sub: mallory");

        Assert.Equal(
            $"x-sub= x-none= x-payload= authorization= x-payload={payload} x-sub=alice x-level=3 x-city=Ulm x-groups={Issuer.Encode("[\"a\"]")}",
            string.Join(' ', answer.Headers.Select(change => $"{change.Name}={change.Value}")));
        Assert.Equal([new RequestHeader("x-sub", null)], anonymous.Headers.AsEnumerable());
        Assert.Null(anonymous.Token);
        Assert.Null(anonymous.Refusal);
    }

    [Fact]
    public async Task Of_several_issuers_the_tokens_own_counts()
    {
        JwtRule known = _world.Rule;
        var other = new JwtRule { Policy = known.Policy, Issuer = "https://zzz.example", Jwks = "{\"keys\":[]}" };
        var first = new JwtRule { Policy = known.Policy, Issuer = "https://aaa.example", Jwks = "{\"keys\":[]}" };
        ImmutableArray<JwtRule> rules = [first, known, other];

        Assert.Equal("alice", (await _world.Ask(rules, "", $"authorization: Bearer {_world.Good()}")).Token?.Subject);
        Assert.Equal("Jwt is expired", (await _world.Ask(rules, "", $"authorization: Bearer {_world.Good(",\"exp\":1")}")).Refusal?.Message);
        Assert.Equal("Jwt issuer is not configured", (await _world.Ask([first, other], "", $"authorization: Bearer {_world.Good()}")).Refusal?.Message);
        Assert.Equal("alice", (await _world.Ask(rules, $"?access_token={_world.Good()}", "authorization: Bearer a.b.c")).Token?.Subject);
    }
}

using Ztunnel.Mesh;

namespace Ztunnel.Gateway.Tests;

public sealed class TokenTests : IDisposable
{
    private readonly AuthenticationWorld _world = new();

    public void Dispose() => _world.Dispose();

    [Theory]
    [InlineData("RS256")]
    [InlineData("RS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("PS384")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    public async Task A_signature_is_verified_with_each_algorithm(string algorithm)
    {
        string good = _world.Good("", algorithm), other = _world.Good(",\"admin\":true", algorithm);
        string forged = $"{other[..other.LastIndexOf('.')]}{good[good.LastIndexOf('.')..]}";

        Assert.Equal("alice", await _world.Answer(_world.Rule, good));
        Assert.Equal("401 Jwt verification fails", await _world.Answer(_world.Rule, forged));
    }

    [Theory]
    [InlineData("nHGtOikNmVTqQ3B06dk8O2tAGjffrhnFldPBFSdHzHYJKPR3wakf44cc2yfAUwmoT3pAL3lDlzu505zdh-8zDA", "alice")]
    [InlineData("nHGtOikNmVTqQ3B06dk8O2tAGjffrhnFldPBFSdHzHYJKPR3wakf44cc2yfAUwmoT3pAL3lDlzu505zdh-8zDB", "401 Jwt signature is an invalid Base64url encoded")]
    [InlineData("oHGtOikNmVTqQ3B06dk8O2tAGjffrhnFldPBFSdHzHYJKPR3wakf44cc2yfAUwmoT3pAL3lDlzu505zdh-8zDA", "401 Jwt verification fails")]
    [InlineData("AAAA", "401 Jwt verification fails")]
    public async Task A_signature_of_another_program_on_an_edwards_curve_is_verified(string signature, string answer)
    {
        // Made with openssl pkeyutl -sign -rawin.
        JwtRule rule = AuthenticationWorld.Copy(
            _world.Rule, """{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"6IhtP-4AVXI3TelG5p2SFjC9XlRD8hLzENYq_1O9-No"},{"kty":"OKP","crv":"Ed25519","x":"AAAA"},{"kty":"OKP","crv":"Ed25519"}]}""");

        Assert.Equal(answer, await _world.Answer(rule, $"eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWxpY2UifQ.{signature}"));
    }

    [Theory]
    [InlineData("{\"alg\":\"none\"}", "", "401 Jwt header [alg] is not supported")]
    [InlineData("{\"alg\":\"None\"}", "AAAA", "401 Jwt header [alg] is not supported")]
    [InlineData("{\"alg\":\"HS256\",\"kid\":\"secret\"}", "AAAA", "401 Jwt header [alg] is not supported")]
    [InlineData("{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}", "AAAA", "401 Jwt header [crit] is not supported")]
    [InlineData("{\"kid\":\"rsa\"}", "AAAA", "401 Jwt header [alg] field is required and must be a string")]
    [InlineData("{\"alg\":256}", "AAAA", "401 Jwt header [alg] field is required and must be a string")]
    [InlineData("{\"alg\":\"RS256\",\"kid\":7}", "AAAA", "401 Jwt header [kid] field is not a string")]
    [InlineData("{\"alg\":\"RS256\",\"alg\":\"none\"}", "AAAA", "401 Jwt header is an invalid JSON")]
    [InlineData("[]", "AAAA", "401 Jwt header is an invalid JSON")]
    [InlineData("{\"alg\":\"RS256\"}", "", "401 Jwt signature is an invalid Base64url encoded")]
    [InlineData("{\"alg\":\"RS256\"}", "A===", "401 Jwt signature is an invalid Base64url encoded")]
    [InlineData("{\"alg\":\"RS256\"}", "+/AA", "401 Jwt signature is an invalid Base64url encoded")]
    [InlineData("{\"alg\":\"RS256\"}", "AAAA", "401 Jwt verification fails")]
    [InlineData("{\"alg\":\"ES256\"}", "AAAA", "401 Jwt verification fails")]
    [InlineData("{\"alg\":\"ES256\",\"kid\":\"rsa\"}", "AAAA", "401 Jwks doesn't have key to match kid or alg from Jwt")]
    [InlineData("{\"alg\":\"RS256\",\"kid\":\"other\"}", "AAAA", "401 Jwks doesn't have key to match kid or alg from Jwt")]
    public async Task A_token_with_an_unfit_header_or_signature_is_refused(string header, string signature, string answer)
    {
        string token = $"{Issuer.Encode(header)}.{Issuer.Encode($"{{\"iss\":\"{AuthenticationWorld.Name}\"}}")}.{signature}";

        Assert.Equal(answer, await _world.Answer(_world.Rule, token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("a.b")]
    [InlineData("a.b.c.d")]
    [InlineData("a.b.c.d.e")]
    public async Task What_has_not_three_parts_is_no_token(string token)
    {
        Assert.Equal("401 Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections", await _world.Answer(_world.Rule, token));
    }

    [Fact]
    public async Task A_public_key_is_never_taken_for_a_secret()
    {
        string token = _world.Issuer.Token($"\"iss\":\"{AuthenticationWorld.Name}\"", "HS256", "{\"alg\":\"HS256\",\"kid\":\"rsa\"}");

        Assert.Equal("401 Jwt header [alg] is not supported", await _world.Answer(_world.Rule, token));
    }

    [Theory]
    [InlineData("\"iss\":\"https://other.example\"", "401 Jwt issuer is not configured")]
    [InlineData("\"sub\":\"alice\"", "401 Jwt issuer is not configured")]
    [InlineData("\"iss\":7", "401 Jwt payload [iss] field is not a string")]
    [InlineData("\"iss\":\"https://issuer.example\",\"sub\":{}", "401 Jwt payload [sub] field is not a string")]
    [InlineData("\"iss\":\"https://issuer.example\",\"aud\":[7]", "401 Jwt payload [aud] field is not a string or string list")]
    [InlineData("\"iss\":\"https://issuer.example\",\"exp\":\"soon\"", "401 Jwt payload [exp] field is not a positive 64 bit integer")]
    [InlineData("\"iss\":\"https://issuer.example\",\"nbf\":-1", "401 Jwt payload [nbf] field is not a positive 64 bit integer")]
    [InlineData("\"iss\":\"https://issuer.example\",\"sub\":\"a\",\"sub\":\"b\"", "401 Jwt payload is an invalid JSON")]
    public async Task A_token_with_unfit_claims_is_refused(string claims, string answer)
    {
        Assert.Equal(answer, await _world.Answer(_world.Rule, _world.Issuer.Token(claims)));
    }

    [Theory]
    [InlineData("exp", -61, "401 Jwt is expired")]
    [InlineData("exp", -59, "alice")]
    [InlineData("exp", 100, "alice")]
    [InlineData("nbf", 61, "401 Jwt not yet valid")]
    [InlineData("nbf", 59, "alice")]
    public async Task Dates_count_with_a_minute_for_clocks_that_differ(string claim, int seconds, string answer)
    {
        Assert.Equal(answer, await _world.Answer(_world.Rule, _world.Good($",\"{claim}\":{_world.Now + seconds}")));
    }

    [Fact]
    public async Task A_token_that_was_valid_expires()
    {
        JwtRule rule = _world.Rule;
        string token = _world.Good($",\"exp\":{_world.Now + 10}");
        Assert.Equal("alice", await _world.Answer(rule, token));
        Assert.Equal("alice", await _world.Answer(rule, token));

        _world.Time.Advance(TimeSpan.FromSeconds(71));
        Assert.Equal("401 Jwt is expired", await _world.Answer(rule, token));
    }

    [Theory]
    [InlineData("\"web\"", "alice")]
    [InlineData("[\"db\",\"web\"]", "alice")]
    [InlineData("\"https://web/\"", "alice")]
    [InlineData("\"webs\"", "403 Audiences in Jwt are not allowed")]
    [InlineData("[]", "403 Audiences in Jwt are not allowed")]
    [InlineData(null, "403 Audiences in Jwt are not allowed")]
    public async Task An_audience_must_be_among_those_allowed(string? audience, string answer)
    {
        var rule = new JwtRule { Policy = _world.Rule.Policy, Issuer = AuthenticationWorld.Name, Jwks = _world.Issuer.Keys(), Audiences = ["api", "web"] };

        Assert.Equal(answer, await _world.Answer(rule, _world.Good(audience is null ? "" : $",\"aud\":{audience}")));
    }

    [Theory]
    [InlineData("\"alg\":\"RS256\"", "RS256", "alice")]
    [InlineData("\"alg\":\"RS512\"", "RS256", "401 Jwks doesn't have key to match kid or alg from Jwt")]
    [InlineData("\"alg\":\"RSA-OAEP\"", "RS256", "401 Jwks doesn't have key to match kid or alg from Jwt")]
    [InlineData("\"x5t\":\"a\"", "PS256", "alice")]
    [InlineData("\"kid\":\"\"", "RS256", "alice")]
    public async Task A_key_is_used_for_what_it_says_it_is_for(string members, string algorithm, string answer)
    {
        JwtRule rule = AuthenticationWorld.Copy(_world.Rule, _world.Issuer.Keys(members));

        Assert.Equal(answer, await _world.Answer(rule, _world.Good("", algorithm)));
    }

    [Fact]
    public async Task A_weak_key_verifies_nothing()
    {
        JwtRule rule = AuthenticationWorld.Copy(_world.Rule, $"{{\"keys\":[{_world.Issuer.WeakKey()}]}}");
        string token = _world.Issuer.Token($"\"iss\":\"{AuthenticationWorld.Name}\"", "WS256", "{\"alg\":\"RS256\"}");

        Assert.Equal("401 Jwks doesn't have key to match kid or alg from Jwt", await _world.Answer(rule, token));
    }

    [Fact]
    public async Task Claims_come_to_the_decision_nested_listed_and_parted_by_spaces()
    {
        AuthenticatedRequest answer = await _world.Ask(_world.Rule, _world.Good(",\"scope\":\"read write\",\"realm\":{\"roles\":[\"a\",\"b\"]}"));

        ClaimValue claims = answer.Token!.Claims;
        Assert.Equal("read,write", string.Join(',', claims.Find(["scope"])!.Values));
        Assert.Equal("a,b", string.Join(',', claims.Find(["realm", "roles"])!.Values));
        Assert.Equal(AuthenticationWorld.Name, answer.Token.Issuer);
    }
}

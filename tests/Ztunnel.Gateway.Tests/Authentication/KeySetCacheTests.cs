using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

public sealed class KeySetCacheTests : IDisposable
{
    private const string Address = "https://keys.example/jwks";

    private readonly AuthenticationWorld _world = new();
    private readonly JwtRule _rule;

    public KeySetCacheTests()
    {
        _rule = AuthenticationWorld.Copy(_world.Rule, uri: new Uri(Address));
        _world.Web.Pages[Address] = () => KeyServer.Json(_world.Issuer.Keys());
    }

    public void Dispose() => _world.Dispose();

    [Fact]
    public async Task Keys_are_fetched_once_however_many_wait_for_them()
    {
        _world.Web.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string>[] requests = [.. Enumerable.Range(0, 20).Select(_ => _world.Answer(_rule, _world.Good()))];
        Assert.All(requests, request => Assert.False(request.IsCompleted));
        _world.Web.Gate.SetResult();

        Assert.All(await Task.WhenAll(requests), answer => Assert.Equal("alice", answer));
        Assert.Equal("alice", await _world.Answer(_rule, _world.Good()));
        Assert.Equal(1, _world.Web.Count());
    }

    [Fact]
    public async Task Former_keys_stay_while_others_cannot_be_fetched_and_go_when_they_can()
    {
        string token = _world.Good();
        Assert.Equal("alice", await _world.Answer(_rule, token));

        _world.Web.Pages[Address] = () => new HttpResponseMessage(HttpStatusCode.InternalServerError);
        _world.Time.Advance(KeySetCache.Lifetime);
        Assert.Equal("alice", await _world.Answer(_rule, token));
        await Eventually.Holds(() => _world.Web.Count() == 2);
        _world.Time.Advance(TimeSpan.FromHours(5));
        Assert.Equal("alice", await _world.Answer(_rule, token));

        using var renewed = new Issuer();
        _world.Web.Pages[Address] = () => KeyServer.Json(renewed.Keys());
        _world.Time.Advance(KeySetCache.Pause);
        string answer = "alice";
        await Eventually.Holds(() => Volatile.Read(ref answer) == "401 Jwt verification fails" || Again());
        bool Again()
        {
            _ = _world.Answer(_rule, token).ContinueWith(asked => Volatile.Write(ref answer, asked.Result), TaskScheduler.Default);
            return false;
        }
    }

    [Fact]
    public async Task A_token_with_a_new_key_has_keys_fetched_but_not_over_and_over()
    {
        _world.Web.Pages[Address] = () => KeyServer.Json($"{{\"keys\":[{_world.Issuer.RsaKey("\"kid\":\"old\"")}]}}");
        Assert.Equal("401 Jwks doesn't have key to match kid or alg from Jwt", await _world.Answer(_rule, _world.Good()));
        Assert.Equal("401 Jwks doesn't have key to match kid or alg from Jwt", await _world.Answer(_rule, _world.Good()));
        Assert.Equal(1, _world.Web.Count());

        _world.Web.Pages[Address] = () => KeyServer.Json(_world.Issuer.Keys());
        _world.Time.Advance(KeySetCache.Pause);
        Assert.Equal("alice", await _world.Answer(_rule, _world.Good()));
        Assert.Equal(2, _world.Web.Count());
    }

    [Fact]
    public async Task Where_keys_cannot_be_had_tokens_are_refused_and_requests_without_are_not()
    {
        _world.Web.Pages.Clear();
        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(_rule, _world.Good()));
        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(_rule, _world.Good()));
        Assert.Equal(1, _world.Web.Count());
        Assert.Null((await _world.Ask([_rule], "")).Refusal);

        _world.Web.Pages[Address] = () => KeyServer.Json(_world.Issuer.Keys());
        _world.Time.Advance(KeySetCache.Pause);
        Assert.Equal("alice", await _world.Answer(_rule, _world.Good()));
    }

    [Fact]
    public async Task An_answer_that_does_not_come_is_not_waited_for()
    {
        _world.Web.Gate = new TaskCompletionSource();
        Task<string> request = _world.Answer(_rule, _world.Good());
        await Eventually.Holds(() => _world.Web.Count() == 1);
        _world.Time.Advance(TimeSpan.FromSeconds(5));

        Assert.Equal("401 Jwks remote fetch is failed", await request);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{\"keys\":{}}")]
    [InlineData("long")]
    public async Task What_is_no_key_set_is_not_taken_for_one(string answer)
    {
        _world.Web.Pages[Address] = () => KeyServer.Json(answer == "long" ? new string(' ', 2 << 20) + _world.Issuer.Keys() : answer);

        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(_rule, _world.Good()));
    }

    [Fact]
    public async Task What_may_be_secret_in_an_address_is_not_logged()
    {
        const string Secret = "https://user:pass@keys.example:8443/jwks?api_key=hidden#part";
        JwtRule rule = AuthenticationWorld.Copy(_rule, uri: new Uri(Secret));
        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(rule, _world.Good()));
        _world.Web.Pages[new Uri(Secret).ToString()] = () => KeyServer.Json(_world.Issuer.Keys());
        _world.Time.Advance(KeySetCache.Pause);
        Assert.Equal("alice", await _world.Answer(rule, _world.Good()));

        Assert.Equal([LogLevel.Warning, LogLevel.Debug], _world.Log.Lines.Select(line => line.Level));
        Assert.All(_world.Log.Lines, line =>
        {
            Assert.Contains(" from https://keys.example:8443/jwks", line.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("pass", line.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("hidden", line.Text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task An_address_is_understood_as_each_rule_says()
    {
        const string Configuration = $"{AuthenticationWorld.Name}/.well-known/openid-configuration";
        _world.Web.Pages[Configuration] = () => KeyServer.Json($"{{\"jwks_uri\":\"{Address}\"}}");
        JwtRule mistaken = AuthenticationWorld.Copy(_rule, uri: new Uri(Configuration));

        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(mistaken, _world.Good()));
        Assert.Equal("alice", await _world.Answer(AuthenticationWorld.Copy(_rule), _world.Good()));
        Assert.Equal("401 Jwks remote fetch is failed", await _world.Answer(mistaken, _world.Good()));
    }

    [Fact]
    public async Task A_rule_that_waits_for_longer_is_not_cut_short_by_another()
    {
        _world.Web.Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<string> hasty = _world.Answer(AuthenticationWorld.Copy(_rule, uri: new Uri(Address), timeout: TimeSpan.FromSeconds(1)), _world.Good());
        Task<string> patient = _world.Answer(AuthenticationWorld.Copy(_rule, uri: new Uri(Address), timeout: TimeSpan.FromSeconds(30)), _world.Good());
        await Eventually.Holds(() => _world.Web.Count() == 2);

        _world.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("401 Jwks remote fetch is failed", await hasty);
        _world.Web.Gate.SetResult();
        Assert.Equal("alice", await patient);
    }

    [Fact]
    public async Task Without_an_address_the_issuer_is_asked_for_it()
    {
        _world.Web.Pages[$"{AuthenticationWorld.Name}/.well-known/openid-configuration"] = () => KeyServer.Json($"{{\"jwks_uri\":\"{Address}\"}}");

        Assert.Equal("alice", await _world.Answer(AuthenticationWorld.Copy(_rule), _world.Good()));
        Assert.Equal([$"{AuthenticationWorld.Name}/.well-known/openid-configuration", Address], _world.Web.Asked);
    }
}

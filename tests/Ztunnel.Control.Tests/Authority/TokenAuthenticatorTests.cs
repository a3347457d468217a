using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Text;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What anybody may cost the authority and the API server.</summary>
public sealed class TokenAuthenticatorTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("abc", "not a JWT")]
    [InlineData("a.b", "not a JWT")]
    [InlineData("e30.e30.c.d", "not a JWT")]
    [InlineData("e30.?.c", "not a JWT")]
    [InlineData("e30.e3.c", "not a JWT")]
    [InlineData("e30.W10.c", "not a JWT")]
    [InlineData("e30.e30.c", "not for audience istio-ca")]
    public async Task What_is_no_token_costs_no_review(string token, string why)
    {
        using var callers = new Callers();
        Assert.Contains(why, (await callers.Refused(token)).Message, StringComparison.Ordinal);
        Assert.Empty(callers.Reviewed);
    }

    [Theory]
    [InlineData("""{"aud": "other", "exp": 1800000600}""", "not for audience istio-ca")]
    [InlineData("""{"aud": ["https://kubernetes.default.svc"], "exp": 1800000600}""", "not for audience istio-ca")]
    [InlineData("""{"aud": [1], "exp": 1800000600}""", "not for audience istio-ca")]
    [InlineData("""{"aud": 1, "exp": 1800000600}""", "not for audience istio-ca")]
    [InlineData("""{"aud": ["istio-ca"], "exp": 1799999940}""", "has expired")]
    [InlineData("""{"aud": ["istio-ca"], "exp": "1800000600"}""", "has expired")]
    [InlineData("""{"aud": ["istio-ca"]}""", "has expired")]
    [InlineData("""{"aud": ["istio-ca"], "exp": 1800000600""", "not a JWT")]
    public async Task What_cannot_be_good_costs_no_review(string claims, string why)
    {
        using var callers = new Callers();
        GrpcException refused = await callers.Refused(Token(claims, "a"));
        Assert.Equal(GrpcStatus.Unauthenticated, refused.Status);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Empty(callers.Reviewed);
    }

    [Theory]
    [InlineData("""{"aud": "istio-ca", "exp": 1800000600}""")]
    [InlineData("""{"aud": ["other", "istio-ca"], "exp": 1799999950.5}""")]
    public async Task What_may_be_good_is_reviewed(string claims)
    {
        using var callers = new Callers();
        Assert.Equal("web", (await callers.Ask(Token(claims, "a"))).ServiceAccount);
        Assert.Single(callers.Reviewed);
    }

    [Fact]
    public async Task When_enough_reviews_are_under_way_others_are_told_so_at_once()
    {
        using var callers = new Callers(new ReviewLimits { AtOnce = 1, UnderWay = 2 });
        var answer = new TaskCompletionSource();
        callers.Before = answer.Task;
        Task<Caller> first = callers.Ask(Good("a")), second = callers.Ask(Good("b"));

        Assert.Equal(GrpcStatus.ResourceExhausted, (await callers.Refused(Good("c"))).Status);
        // One more with a token that is being reviewed costs nothing.
        Task<Caller> same = callers.Ask(Good("a"));
        answer.SetResult();
        await Task.WhenAll(first, second, same);
        // Room is made a moment after the answer.
        await Eventually.Holds(() => !callers.Ask(Good("c")).IsFaulted);
        await callers.Ask(Good("c"));
    }

    [Fact]
    public async Task Of_what_is_remembered_the_oldest_makes_room()
    {
        using var callers = new Callers(new ReviewLimits { Kept = 3 });
        foreach (string name in new[] { "a", "b", "c", "d", "c", "d", "b", "a" })
            await callers.Ask(Good(name));
        Assert.Equal("a b c d a", string.Join(' ', callers.Reviewed));
    }

    [Fact]
    public async Task Reviews_have_a_rate_of_their_own()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start(new ApiClientOptions { RequestsPerSecond = 0.001, Burst = 1 });
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", replica), b = await cluster.Node("node-b", replica);
        await a.Issue();
        Task waiting = b.Issue();

        // What the replica itself asks for does not wait behind it.
        cluster.Server.Objects.Delete("v1", "ConfigMap", "demo", RootSpreader.Name);
        await cluster.Until(() => cluster.RootsIn("demo").Length > 0);
        await cluster.Until(() => waiting.IsCompleted);
        await Assert.ThrowsAsync<IssuanceException>(() => waiting);
    }

    private static string Good(string name) => Token("""{"aud": ["istio-ca"], "exp": 1800000600}""", name);

    private static string Token(string claims, string name) => $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.{name}";

    /// <summary>An authenticator, and a reviewer that takes every token for good.</summary>
    private sealed class Callers : ITokenReviewer, IDisposable
    {
        private readonly TokenAuthenticator _callers;

        public Callers(ReviewLimits? limits = null) => _callers = new TokenAuthenticator(this, "istio-ca", new ManualTime(Now), limits);

        public ConcurrentQueue<string> Reviewed { get; } = [];

        public Task Before { get; set; } = Task.CompletedTask;

        public Task<Caller> Ask(string token) => _callers.Authenticate($"Bearer {token}", Stop);

        public Task<GrpcException> Refused(string token) => Assert.ThrowsAsync<GrpcException>(() => Ask(token));

        public async Task<Caller?> Review(string token, CancellationToken cancellationToken)
        {
            Reviewed.Enqueue(token.Split('.')[^1]);
            await Before;
            return new Caller("demo", "web");
        }

        public void Dispose() => _callers.Dispose();
    }
}

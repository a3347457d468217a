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
        var callers = new Callers();
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
        var callers = new Callers();
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
        var callers = new Callers();
        Assert.Equal("web", (await callers.Ask(Token(claims, "a"))).ServiceAccount);
        Assert.Single(callers.Reviewed);
    }

    [Fact]
    public async Task When_enough_reviews_are_under_way_others_are_told_so_at_once()
    {
        var callers = new Callers(new ReviewLimits { AtOnce = 1, UnderWay = 2 });
        var answer = new TaskCompletionSource();
        callers.Before = answer.Task;
        Task<Caller> first = callers.Ask(Good("a")), second = callers.Ask(Good("b"));

        Assert.Equal(GrpcStatus.ResourceExhausted, (await callers.Refused(Good("c"))).Status);
        // One more with a token that is being reviewed costs nothing.
        Task<Caller> same = callers.Ask(Good("a"));
        answer.SetResult();
        await Task.WhenAll(first, second, same);
        // Room is made a moment after the answer.
        int tried = 0;
        await Eventually.Holds(() => !callers.Ask(Good("c"), $"client {tried++}").IsFaulted);
        await callers.Ask(Good("c"));
    }

    [Fact]
    public async Task Made_up_tokens_of_one_address_leave_the_others_their_reviews()
    {
        var callers = new Callers(new ReviewLimits { AtOnce = 1, UnderWay = 100, EachUnderWay = 3 });
        var answer = new TaskCompletionSource();
        callers.Before = answer.Task;
        Task<Caller>[] garbage = [.. new[] { "a1", "a2", "a3" }.Select(name => callers.Ask(Good(name)))];
        GrpcException refused = await callers.Refused(Good("a4"));
        Task<Caller>[] others = [callers.Ask(Good("b1"), "10.0.0.2"), callers.Ask(Good("c1"), "10.0.0.3")];

        Assert.Equal(GrpcStatus.ResourceExhausted, refused.Status);
        Assert.Equal("too many tokens of 10.0.0.1 are being reviewed: try again", refused.Detail);
        answer.SetResult();
        await Task.WhenAll([.. garbage, .. others]);
        // Room is made a moment after the answer.
        await Eventually.Holds(() =>
        {
            callers.Time.Advance(TimeSpan.FromSeconds(1));
            return !callers.Ask(Good("a4")).IsFaulted;
        });
    }

    [Theory]
    [InlineData("none.of.ours")]
    [InlineData(null)]
    public async Task Who_calls_with_anything_is_told_to_go_slower_and_whose_token_was_good_behind_the_same_address_is_not(string? token)
    {
        var callers = new Callers(new ReviewLimits { EachRate = new CallRate(1, 3) }) { Bad = ["bad"] };
        token ??= Good("bad");
        await callers.Ask(Good("node"));
        Assert.Equal(GrpcStatus.Unauthenticated, (await callers.Refused(token)).Status);
        Assert.Equal(GrpcStatus.Unauthenticated, (await callers.Refused(token)).Status);
        GrpcException refused = await callers.Refused(token);
        Assert.Equal(GrpcStatus.ResourceExhausted, refused.Status);
        Assert.Equal("too many calls of 10.0.0.1 with tokens that are not known to be good: try again", refused.Detail);

        await callers.Ask(Good("node"));
        callers.Time.Advance(TokenAuthenticator.Kept);
        for (int spent = 0; spent < 4; spent++)
            refused = await callers.Refused(token);
        Assert.Equal(GrpcStatus.ResourceExhausted, refused.Status);
        await callers.Ask(Good("node"));
        Assert.Equal(2, callers.Reviewed.Count(name => name == "node"));
        Assert.Equal(GrpcStatus.ResourceExhausted, (await callers.Refused(Good("new"))).Status);
        Assert.Equal("demo", (await callers.Ask(Good("new"), "10.0.0.2")).Namespace);
    }

    [Fact]
    public async Task A_review_that_fails_does_not_make_a_pod_a_stranger()
    {
        var callers = new Callers(new ReviewLimits { EachRate = new CallRate(1, 2) });
        await callers.Ask(Good("node"));
        callers.Time.Advance(TokenAuthenticator.Kept);
        for (int spent = 0; spent < 2; spent++)
            await callers.Refused("none.of.ours");
        callers.Before = Task.FromException(new GrpcException(GrpcStatus.Unavailable, "away"));
        Assert.Equal(GrpcStatus.Unavailable, (await callers.Refused(Good("node"))).Status);

        callers.Before = Task.CompletedTask;
        Task<Caller> asked = Task.FromException<Caller>(new InvalidOperationException());
        // The failure is forgotten a moment after it was told.
        await Eventually.Holds(() => !(asked = callers.Ask(Good("node"))).IsFaulted);
        Assert.Equal("web", (await asked).ServiceAccount);
    }

    [Fact]
    public async Task Who_waits_has_a_turn_after_one_of_each_other_lane()
    {
        var turns = new FairTurns(1);
        using var gone = new CancellationTokenSource();
        await turns.Wait("a", Stop);
        List<(string Lane, Task Turn)> waiting = [("b", turns.Wait("b", gone.Token)), .. "aaabcbc".Select(lane => ($"{lane}", turns.Wait($"{lane}", Stop)))];
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting[0].Turn);
        waiting.RemoveAt(0);
        var order = new List<string>();
        while (waiting.Count > 0)
        {
            turns.Release();
            Task next = await Task.WhenAny(waiting.Select(one => one.Turn)).WaitAsync(Eventually.Deadline, Stop);
            order.Add(waiting.Single(one => one.Turn == next).Lane);
            waiting.RemoveAll(one => one.Turn == next);
            Assert.DoesNotContain(waiting, one => one.Turn.IsCompleted);
        }

        Assert.Equal("a c b a c b a", string.Join(' ', order));
        turns.Release();
        await turns.Wait("d", Stop);
    }

    [Fact]
    public void So_many_callers_are_told_apart_and_no_more()
    {
        var time = new ManualTime(Now);
        var rates = new CallerRates(time, mostKept: 2);
        var rate = new CallRate(1, 1);
        Assert.Equal([true, true, true, false, false], new[] { "a", "b", "c", "d", "a" }.Select(caller => rates.TryTake(caller, rate)));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([true, true], new[] { "e", "f" }.Select(caller => rates.TryTake(caller, rate)));
    }

    [Fact]
    public async Task Of_what_is_remembered_the_oldest_makes_room()
    {
        var callers = new Callers(new ReviewLimits { Kept = 3 });
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
        await a.Issue().WaitAsync(Eventually.Deadline, Stop);
        Task waiting = b.Issue();

        // What the replica itself asks for does not wait behind it.
        cluster.Server.Objects.Delete("v1", "ConfigMap", "demo", RootSpreader.Name);
        await cluster.Until(() => cluster.RootsIn("demo").Length > 0);
        // Its time begins when the call arrives, whenever that is.
        await cluster.Until(() => waiting.IsCompleted);
        await Assert.ThrowsAsync<IssuanceException>(() => waiting);
    }

    private static string Good(string name) => Token("""{"aud": ["istio-ca"], "exp": 1800000600}""", name);

    private static string Token(string claims, string name) => $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.{name}";

    /// <summary>An authenticator, and a reviewer that takes every token for good.</summary>
    private sealed class Callers : ITokenReviewer
    {
        private readonly TokenAuthenticator _callers;

        public Callers(ReviewLimits? limits = null) => _callers = new TokenAuthenticator(this, "istio-ca", Time, limits ?? new ReviewLimits());

        public ManualTime Time { get; } = new(Now);

        public ConcurrentQueue<string> Reviewed { get; } = [];

        /// <summary>Tokens that are nobody's.</summary>
        public string[] Bad { get; set; } = [];

        public Task Before { get; set; } = Task.CompletedTask;

        public Task<Caller> Ask(string token, string client = "10.0.0.1") =>
            _callers.Authenticate($"Bearer {token}", client, Stop).WaitAsync(Eventually.Deadline, Stop);

        public Task<GrpcException> Refused(string token, string client = "10.0.0.1") => Assert.ThrowsAsync<GrpcException>(() => Ask(token, client));

        public async Task<Caller?> Review(string token, CancellationToken cancellationToken)
        {
            string name = token.Split('.')[^1];
            Reviewed.Enqueue(name);
            await Before;
            return Bad.Contains(name, StringComparer.Ordinal) ? null : new Caller("demo", "web") { PodUid = $"uid-{name}" };
        }
    }
}

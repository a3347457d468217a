using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.Kubernetes.Tests;

public sealed class ApiClientTests
{
    private const string Pod = """{"kind":"Pod","metadata":{"name":"web"}}""";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_object_is_read_by_its_path()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, Pod));
        using ApiClient client = server.Client();
        JsonNode pod = await client.Get(ApiResource.Pods.Named("default", "web"), Cancelled);
        Assert.Equal("web", (string?)pod["metadata"]!["name"]);
        Asked asked = Assert.Single(server.Requests);
        Assert.Equal(("GET", "/api/v1/namespaces/default/pods/web", "application/json"), (asked.Method, asked.PathAndQuery, asked.Accept));
    }

    [Fact]
    public async Task A_server_behind_a_prefix_is_asked_below_it()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, Pod));
        using var client = new ApiClient(ApiAccess.Insecure(new Uri(server.Address, "/clusters/one/")));
        await client.Get(ApiResource.Pods.All().With("labelSelector", "a=b,c"), Cancelled);
        Assert.Equal("/clusters/one/api/v1/pods?labelSelector=a%3Db%2Cc", Assert.Single(server.Requests).PathAndQuery);
    }

    [Fact]
    public async Task What_the_server_refuses_is_told_with_its_words()
    {
        await using ScriptedServer server = await ScriptedServer.Start(
            context => ScriptedServer.Status(context, 403, "Forbidden", "pods is forbidden"));
        using ApiClient client = server.Client();
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal("GET /api/v1/pods: 403 Forbidden: pods is forbidden", refused.Message);
        Assert.Equal((HttpStatusCode.Forbidden, "Forbidden"), (refused.Code, refused.Reason));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task What_is_wrong_with_a_secret_is_not_told_as_it_may_quote_it()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Status(context, 422, "Invalid", "data: hunter2"));
        using ApiClient client = server.Client();
        ApiException refused = await Assert.ThrowsAsync<ApiException>(
            () => client.Replace(ApiResource.Secrets.Named("a", "b"), new JsonObject(), Cancelled));
        Assert.DoesNotContain("hunter2", refused.ToString(), StringComparison.Ordinal);
        Assert.Equal("Invalid", refused.Reason);
    }

    [Fact]
    public async Task An_answer_that_is_no_status_is_told_as_text()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context =>
        {
            context.Response.StatusCode = 400;
            return context.Response.WriteAsync("a proxy\nsays no");
        });
        using ApiClient client = server.Client();
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal("GET /api/v1/pods: 400 BadRequest: a proxy says no", refused.Message);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(504)]
    public async Task A_read_that_fails_in_passing_is_tried_again(int status)
    {
        int asked = 0;
        await using ScriptedServer server = await ScriptedServer.Start(context =>
            ++asked < 3 ? ScriptedServer.Status(context, status, "", "not now") : ScriptedServer.Json(context, Pod));
        using ApiClient client = server.Client();
        await client.Get(ApiResource.Pods.Named("default", "web"), Cancelled);
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task A_read_whose_answer_breaks_off_is_tried_again()
    {
        int asked = 0;
        await using ScriptedServer server = await ScriptedServer.Start(async context =>
        {
            if (++asked == 1)
            {
                context.Response.ContentLength = 1000;
                await context.Response.WriteAsync("{");
                await context.Response.Body.FlushAsync();
                context.Abort();
                return;
            }

            await ScriptedServer.Json(context, Pod);
        });
        using ApiClient client = server.Client();
        await client.Get(ApiResource.Pods.Named("default", "web"), Cancelled);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task A_server_that_stays_broken_has_failed_after_so_many_tries()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Status(context, 503, "", "down"));
        using ApiClient client = server.Client();
        ApiException failed = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, failed.Code);
        Assert.Equal(server.Options.Tries, server.Requests.Count);
    }

    [Fact]
    public async Task A_server_that_wants_to_be_left_alone_for_long_is_left_to_the_caller()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context =>
        {
            context.Response.Headers.RetryAfter = "600";
            return ScriptedServer.Status(context, 503, "", "down");
        });
        using ApiClient client = server.Client();
        ApiException failed = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal(TimeSpan.FromMinutes(10), failed.RetryAfter);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task What_is_created_is_not_created_twice()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Status(context, 500, "", "perhaps"));
        using ApiClient client = server.Client();
        await Assert.ThrowsAsync<ApiException>(() => client.Create(ApiResource.Pods.In("default"), new JsonObject(), Cancelled));
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task What_was_not_heard_is_created_on_another_try()
    {
        int asked = 0;
        await using ScriptedServer server = await ScriptedServer.Start(context =>
            ++asked < 2 ? ScriptedServer.Status(context, 429, "TooManyRequests", "busy") : ScriptedServer.Json(context, Pod, 201));
        using ApiClient client = server.Client();
        await client.Create(ApiResource.Pods.In("default"), new JsonObject { ["kind"] = "Pod" }, Cancelled);
        Assert.Equal(["""{"kind":"Pod"}""", """{"kind":"Pod"}"""], server.Requests.Select(request => request.Body), StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_waited_for_only_so_long()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        using var client = new ApiClient(
            ApiAccess.Insecure(server.Address), server.Options with { Timeout = TimeSpan.FromMilliseconds(50), Tries = 2 });
        ApiException failed = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal((ApiException.NoAnswer, ApiException.TimeoutReason), (failed.Code, failed.Reason));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named()
    {
        Uri address;
        await using (ScriptedServer server = await ScriptedServer.Start(_ => Task.CompletedTask))
            address = server.Address;
        using var client = new ApiClient(ApiAccess.Insecure(address), new ApiClientOptions { Tries = 2, FirstDelay = TimeSpan.FromMilliseconds(1) });
        ApiException failed = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal(ApiException.UnreachableReason, failed.Reason);
        Assert.Contains(address.Authority, failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_that_is_renewed_ends_no_request_under_way()
    {
        using var authority = new ServerCertificates();
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, Pod));
        var access = new ApiAccess(server.Address, "renewed for each request") { Credentials = new Renewing(authority) };
        using var client = new ApiClient(access, server.Options with { Tries = 1 });
        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancelled },
            async (_, stop) => await client.Get(ApiResource.Pods.Named("default", "web"), stop));
        Assert.Equal(400, server.Requests.Count);
    }

    [Fact]
    public async Task Each_way_to_write_is_asked_for_as_the_api_has_it()
    {
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, Pod));
        using ApiClient client = server.Client();
        ApiPath pod = ApiResource.Pods.Named("default", "web");
        await client.Apply(pod.Status, new JsonObject { ["a"] = 1 }, "ztunnel", force: true, Cancelled);
        await client.MergePatch(pod, new JsonObject { ["b"] = null }, Cancelled);
        await client.Replace(pod, new JsonObject(), Cancelled);
        await client.Delete(pod, new DeleteOptions { Uid = "u", ResourceVersion = "7", PropagationPolicy = "Background" }, Cancelled);
        Asked[] asked = [.. server.Requests];
        Assert.Equal(
            ("PATCH", "/api/v1/namespaces/default/pods/web/status?fieldManager=ztunnel&force=true", "application/apply-patch+yaml", """{"a":1}"""),
            (asked[0].Method, asked[0].PathAndQuery, asked[0].ContentType, asked[0].Body));
        Assert.Equal(("PATCH", "application/merge-patch+json", """{"b":null}"""), (asked[1].Method, asked[1].ContentType, asked[1].Body));
        Assert.Equal(("PUT", "application/json"), (asked[2].Method, asked[2].ContentType));
        Assert.Equal(
            """{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Background","preconditions":{"uid":"u","resourceVersion":"7"}}""",
            asked[3].Body);
    }

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    public void A_name_leads_nowhere_else(string name) =>
        Assert.ThrowsAny<ArgumentException>(() => ApiResource.Pods.Named("default", name));

    [Fact]
    public void A_slash_in_a_name_is_part_of_it() =>
        Assert.Equal("/api/v1/namespaces/a%2Fb/pods/c%3Fd", ApiResource.Pods.Named("a/b", "c?d").ToString());

    [Theory]
    [InlineData("Gateway", "gateways")]
    [InlineData("GatewayClass", "gatewayclasses")]
    [InlineData("ServiceEntry", "serviceentries")]
    [InlineData("AuthorizationPolicy", "authorizationpolicies")]
    [InlineData("PeerAuthentication", "peerauthentications")]
    [InlineData("HTTPRoute", "httproutes")]
    [InlineData("Telemetry", "telemetries")]
    [InlineData("EndpointSlice", "endpointslices")]
    public void Kinds_have_the_plurals_that_their_definitions_give(string kind, string plural) =>
        Assert.Equal(plural, ApiResource.Of(new Ztunnel.Resources.ObjectKind("g.io/v1", kind, Namespaced: true)).Plural);

    [Fact]
    public void Requests_beyond_the_burst_wait_their_turn()
    {
        var time = new Testing.ManualTime();
        var rate = new RequestRate(10, 2, time);
        Assert.True(rate.Wait(Cancelled).IsCompleted);
        Assert.True(rate.Wait(Cancelled).IsCompleted);
        Task third = rate.Wait(Cancelled), fourth = rate.Wait(Cancelled);
        Assert.False(rate.TryTake());
        time.Advance(TimeSpan.FromMilliseconds(99));
        Assert.False(third.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(third.IsCompleted);
        Assert.False(fourth.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.True(fourth.IsCompleted);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal([true, true, false], new[] { rate.TryTake(), rate.TryTake(), rate.TryTake() });
    }

    [Fact]
    public void Who_waits_no_longer_leaves_its_turn_to_the_next()
    {
        var time = new Testing.ManualTime();
        var rate = new RequestRate(10, 1, time);
        using var patience = new CancellationTokenSource();
        Assert.True(rate.Wait(Cancelled).IsCompleted);
        Task[] leaving = [.. Enumerable.Range(0, 100).Select(_ => rate.Wait(patience.Token))];
        Task staying = rate.Wait(Cancelled);
        patience.Cancel();
        Assert.All(leaving, left => Assert.True(left.IsCanceled));
        Assert.True(rate.Wait(patience.Token).IsCanceled);
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.True(staying.IsCompletedSuccessfully);
        Assert.False(rate.TryTake());
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal([true, false], new[] { rate.TryTake(), rate.TryTake() });
    }

    [Fact]
    public void Waits_double_up_to_the_longest_and_are_spread()
    {
        var backoff = new Backoff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(8), new Random(1));
        double[] waits = [.. Enumerable.Range(0, 20).Select(_ => backoff.Next().TotalSeconds)];
        for (int wait = 0; wait < waits.Length; wait++)
        {
            double full = Math.Min(Math.Pow(2, wait), 8);
            Assert.True(waits[wait] >= full / 2 && waits[wait] <= full, waits[wait].ToString(CultureInfo.InvariantCulture));
        }

        Assert.True(backoff.Next(TimeSpan.FromMinutes(1)) >= TimeSpan.FromMinutes(1));
    }

    /// <summary>Two certificates by turns.</summary>
    private sealed class Renewing(ServerCertificates authority) : ICredentialSource
    {
        private readonly Credential[] _credentials = [.. new[] { "one", "two" }.Select(name =>
        {
            (string certificate, string key) = authority.IssuePem(name);
            return new Credential(null, ClientCertificate.FromPem(certificate, key, name));
        })];

        private int _asked;

        public ValueTask<Credential> Get(Credential? refused, TimeProvider time, CancellationToken cancellationToken) =>
            new(_credentials[Interlocked.Increment(ref _asked) % 2]);
    }
}

using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What DestinationRules do to requests on their way to backends.</summary>
[Collection(nameof(UpstreamLab))]
public sealed class TrafficTests(UpstreamLab lab)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task More_requests_than_a_rule_allows_are_told_that_there_is_no_room()
    {
        var release = new TaskCompletionSource();
        lab.WhenAsked("full.test", (_, http) => release.Task);
        await lab.Serve("full", "", "", "one", "two");
        lab.Rule("full", new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxRequests = 2 } });
        using HttpClient client = lab.Client();
        Task<HttpResponseMessage>[] inside = [Get(client, "full"), Get(client, "full")];
        await UntilTraffic("full", traffic => traffic.GetProperty("requests").GetInt32() == 2);
        await ExpectOverflow(client, "full");
        Assert.Equal(1, (await lab.Traffic("full")).GetProperty("overflowed").GetInt64());
        release.SetResult();
        foreach (HttpResponseMessage answer in await Task.WhenAll(inside))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Get(client, "full")).StatusCode);
    }

    [Fact]
    public async Task Where_there_are_only_so_many_connections_so_many_wait_and_the_rest_is_refused()
    {
        var release = new TaskCompletionSource();
        lab.WhenAsked("narrow.test", (_, http) => release.Task);
        await lab.Serve("narrow", "", "", "out");
        lab.Rule("narrow", new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxConnections = 1, MaxPendingRequests = 1, MaxRequestsPerConnection = 1 } });
        using HttpClient client = lab.Client();
        Task<HttpResponseMessage> first = Get(client, "narrow");
        await UntilTraffic("narrow", traffic => traffic.GetProperty("connections").GetInt32() == 1);
        Task<HttpResponseMessage> second = Get(client, "narrow");
        await UntilTraffic("narrow", traffic => traffic.GetProperty("pending").GetInt32() == 1);
        await ExpectOverflow(client, "narrow");
        Assert.False(first.IsCompleted || second.IsCompleted);
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await second).StatusCode);
    }

    [Fact]
    public async Task A_connection_carries_no_more_requests_than_a_rule_allows()
    {
        var connections = new System.Collections.Concurrent.ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        lab.WhenAsked("brief.test", (_, http) =>
        {
            connections.AddOrUpdate(http.Connection.Id, 1, (_, count) => count + 1);
            return Task.CompletedTask;
        });
        await lab.Serve("brief", "", "", "one");
        lab.Rule("brief", new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxRequestsPerConnection = 3 } });
        using HttpClient client = lab.Client();
        for (int i = 0; i < 20; i++)
            Assert.Equal(HttpStatusCode.OK, (await Get(client, "brief")).StatusCode);
        Assert.Equal(20, connections.Values.Sum());
        Assert.InRange(connections.Values.Max(), 2, 3);
    }

    [Fact]
    public async Task An_endpoint_that_fails_in_a_row_gets_nothing_for_a_while()
    {
        lab.WhenAsked("sick.test", (pod, http) =>
        {
            http.Response.StatusCode = pod == "one" ? 500 : 200;
            return http.Response.WriteAsync(pod, Stop);
        });
        await lab.Serve("sick", "", "", "one", "two", "three");
        lab.Rule("sick", new TrafficPolicy
        {
            OutlierDetection = new OutlierDetection { Consecutive5xxErrors = 2, Interval = TimeSpan.FromSeconds(1), BaseEjectionTime = TimeSpan.FromHours(1) },
        });
        using HttpClient client = lab.Client();
        await UntilTraffic("sick", traffic => traffic.TryGetProperty("leftOut", out _), () => Get(client, "sick"));
        JsonElement left = Assert.Single((await lab.Traffic("sick")).GetProperty("leftOut").EnumerateArray());
        Assert.Equal($"{lab.Mesh.Pod("one").IPv4}:8080", left.GetProperty("address").GetString());
        for (int i = 0; i < 40; i++)
            Assert.Equal(HttpStatusCode.OK, (await Get(client, "sick")).StatusCode);
    }

    [Fact]
    public async Task An_endpoint_that_was_left_out_returns()
    {
        bool well = false;
        lab.WhenAsked("cured.test", (pod, http) =>
        {
            http.Response.StatusCode = Volatile.Read(ref well) ? 200 : 502;
            return http.Response.WriteAsync(pod, Stop);
        });
        await lab.Serve("cured", "", "", "one");
        lab.Rule("cured", new TrafficPolicy
        {
            OutlierDetection = new OutlierDetection
            {
                Consecutive5xxErrors = 0,
                ConsecutiveGatewayErrors = 1,
                Interval = TimeSpan.FromMilliseconds(500),
                BaseEjectionTime = TimeSpan.FromSeconds(2),
            },
        });
        using HttpClient client = lab.Client();
        Assert.Equal(HttpStatusCode.BadGateway, (await Get(client, "cured")).StatusCode);
        Volatile.Write(ref well, true);
        Assert.Equal(1, (await lab.Traffic("cured")).GetProperty("ejections").GetInt64());
        await MeshLab.Eventually("the endpoint to return", async () => (await Get(client, "cured")).StatusCode == HttpStatusCode.OK);
    }

    [Fact]
    public async Task When_all_are_left_out_there_is_no_healthy_upstream()
    {
        lab.WhenAsked("gone.test", (_, http) =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await lab.Serve("gone", "", "", "one");
        lab.Rule("gone", new TrafficPolicy { OutlierDetection = new OutlierDetection { Consecutive5xxErrors = 1, BaseEjectionTime = TimeSpan.FromHours(1) } });
        using HttpClient client = lab.Client();
        Assert.Equal(HttpStatusCode.InternalServerError, (await Get(client, "gone")).StatusCode);
        HttpResponseMessage answer = await Get(client, "gone");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("no healthy upstream", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task A_rule_of_a_guide_holds_as_it_is_written()
    {
        lab.WhenAsked("guide.test", (_, http) =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await lab.Serve("guide", "", """
            apiVersion: networking.istio.io/v1alpha3
            kind: DestinationRule
            metadata: {name: guide, namespace: default}
            spec:
              host: guide.default.svc.cluster.local
              trafficPolicy:
                connectionPool:
                  http:
                    http1MaxPendingRequests: 1
                outlierDetection:
                  consecutive5xxErrors: 1
                  interval: 1s
                  baseEjectionTime: 3m

            """, "out");
        await MeshLab.Eventually("the rule", () => Task.FromResult(lab.Gateway.Mesh.DestinationRules.Any(rule => rule.Name.Name == "guide")));
        using HttpClient client = lab.Client();
        Assert.Equal(HttpStatusCode.InternalServerError, (await Get(client, "guide")).StatusCode);
        Assert.Equal("no healthy upstream", await (await Get(client, "guide")).Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task Limits_longer_than_any_timer_are_none()
    {
        lab.WhenAsked("endless.test", (_, http) => http.Response.WriteAsync("well", Stop));
        await lab.Serve("endless", "timeouts: {request: 99999h, backendRequest: 99999h}, retry: {backoff: 99999h},", "", "out");
        lab.Rule("endless", new TrafficPolicy
        {
            ConnectionPool = new ConnectionPool
            {
                ConnectTimeout = TimeSpan.FromDays(100_000),
                HttpIdleTimeout = TimeSpan.FromDays(100_000),
                MaxConnectionDuration = TimeSpan.FromDays(100_000),
                KeepAlive = new TcpKeepAlive(int.MaxValue, TimeSpan.FromDays(100_000), TimeSpan.FromDays(100_000)),
            },
        });
        using HttpClient client = lab.Client();
        Assert.Equal("well", await client.GetStringAsync(new Uri("http://endless.test/"), Stop));
    }

    [Fact]
    public async Task A_client_is_given_a_cookie_and_stays_where_it_was()
    {
        lab.WhenAsked("stay.test", (pod, http) => http.Response.WriteAsync(pod, Stop));
        await lab.Serve("stay", "", "", "one", "two", "three");
        lab.Rule("stay", new TrafficPolicy { LoadBalancer = new LoadBalancer { Hash = new HashKey.Cookie("home", "/shop", TimeSpan.FromMinutes(5)) } });
        using HttpClient client = lab.Client();
        HashSet<string> homes = [];
        for (int visitor = 0; visitor < 16; visitor++)
        {
            HttpResponseMessage first = await Get(client, "stay");
            string cookie = Assert.Single(first.Headers.GetValues("set-cookie"));
            Assert.Matches("^home=[0-9a-f]{16}; Max-Age=300; Path=/shop; HttpOnly$", cookie);
            string home = await first.Content.ReadAsStringAsync(Stop);
            homes.Add(home);
            for (int i = 0; i < 5; i++)
            {
                HttpResponseMessage next = await Get(client, "stay", ("cookie", $"other=1; {cookie.Split(';')[0]}"));
                Assert.Equal(home, await next.Content.ReadAsStringAsync(Stop));
                Assert.False(next.Headers.Contains("set-cookie"));
            }
        }

        // 16 visitors come to one of three by chance once in ten million.
        Assert.True(homes.Count > 1);
    }

    [Theory]
    [InlineData("header")]
    [InlineData("query")]
    [InlineData("address")]
    public async Task Requests_that_are_alike_go_to_one_endpoint(string by)
    {
        string name = $"alike-{by}";
        lab.WhenAsked($"{name}.test", (pod, http) => http.Response.WriteAsync(pod, Stop));
        await lab.Serve(name, "", "", "one", "two", "three");
        lab.Rule(name, new TrafficPolicy
        {
            LoadBalancer = new LoadBalancer
            {
                Hash = by switch { "header" => new HashKey.Header("x-user"), "query" => new HashKey.QueryParameter("user"), _ => new HashKey.SourceIp() },
            },
        });
        using HttpClient client = lab.Client();
        HashSet<string> all = [];
        for (int user = 0; user < 16; user++)
        {
            HashSet<string> homes = [];
            for (int i = 0; i < 4; i++)
            {
                string path = by == "query" ? $"{name}.test/?x=1&user={user}" : $"{name}.test/";
                using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{path}");
                request.Headers.Add("x-user", user.ToString(System.Globalization.CultureInfo.InvariantCulture));
                using HttpResponseMessage answer = await client.SendAsync(request, Stop);
                homes.Add(await answer.Content.ReadAsStringAsync(Stop));
            }

            all.Add(Assert.Single(homes));
        }

        Assert.Equal(by != "address", all.Count > 1);
    }

    [Fact]
    public async Task A_rule_may_have_HTTP1_sent_on_as_HTTP2()
    {
        lab.WhenAsked("newer.test", (_, http) => http.Response.WriteAsync(http.Request.Protocol, Stop));
        await lab.Serve("newer", "", "", "one:8081");
        lab.Rule("newer", new TrafficPolicy { ConnectionPool = new ConnectionPool { UpgradeToHttp2 = true } });
        using HttpClient client = lab.Client();
        Assert.Equal("HTTP/2", await client.GetStringAsync(new Uri("http://newer.test/"), Stop));
    }

    [Fact]
    public async Task The_dump_shows_the_tunnels_to_the_mesh()
    {
        var release = new TaskCompletionSource();
        lab.WhenAsked("tunnels.test", (_, _) => release.Task);
        await lab.Serve("tunnels", "", "", "three");
        using HttpClient client = lab.Client();
        Task<HttpResponseMessage> open = Get(client, "tunnels");
        string nextHop = $"{lab.Mesh.Pod("three").IPv4}:15008";
        await MeshLab.Eventually("the tunnel to be shown", async () =>
            (await NodeDiagnostics.Dump(lab.Mesh.Pod("gateway"))).GetProperty("pools").EnumerateArray().Any(pool =>
                pool.GetProperty("nextHop").GetString() == nextHop
                && pool.GetProperty("source").GetString() == "spiffe://cluster.local/ns/infra/sa/gateway"
                && pool.GetProperty("expected")[0].GetString() == "spiffe://cluster.local/ns/default/sa/three"
                && pool.GetProperty("streams").GetInt32() > 0));
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await open).StatusCode);
    }

    private static Task<HttpResponseMessage> Get(HttpClient client, string name, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"http://{name}.test/");
        foreach ((string header, string value) in headers)
            request.Headers.TryAddWithoutValidation(header, value);
        return client.SendAsync(request, Stop);
    }

    private static async Task ExpectOverflow(HttpClient client, string name)
    {
        HttpResponseMessage answer = await Get(client, name);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("true", Assert.Single(answer.Headers.GetValues("x-envoy-overloaded")));
        Assert.Equal(
            "upstream connect error or disconnect/reset before headers. reset reason: overflow", await answer.Content.ReadAsStringAsync(Stop));
    }

    private Task UntilTraffic(string name, Func<JsonElement, bool> met, Func<Task>? meanwhile = null) => MeshLab.Eventually(
        "the traffic",
        async () =>
        {
            if (meanwhile is not null)
                await meanwhile();
            return await lab.Traffic(name) is { ValueKind: JsonValueKind.Object } traffic && met(traffic);
        });
}

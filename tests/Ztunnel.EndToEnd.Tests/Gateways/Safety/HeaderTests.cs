using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What a backend is told by headers, and what a client can and cannot make it believe.</summary>
[Collection(nameof(SafetyLab))]
public sealed class HeaderTests(SafetyLab lab)
{
    [Fact]
    public async Task A_gateway_says_where_a_request_comes_from()
    {
        RecordedRequest seen = await Send();

        Assert.Equal("web.test", seen.One("host"));
        Assert.Equal(lab.Stranger.IPv4.ToString(), seen.One("x-forwarded-for"));
        Assert.Equal("http", seen.One("x-forwarded-proto"));
        Assert.Equal("web.test", seen.One("x-forwarded-host"));
        Assert.True(Guid.TryParse(seen.One("x-request-id"), out _));
    }

    [Fact]
    public async Task What_a_request_is_known_by_is_kept()
    {
        const string Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        RecordedRequest seen = await Send(
            "x-request-id: mine", $"traceparent: {Trace}", "tracestate: a=1,b=2", "baggage: k=v", "b3: 80f198ee56343ba8-05e3ac9a4f6e3b90-1",
            "x-forwarded-for: 192.0.2.1", "user-agent: test", "cookie: a=1; b=2");

        Assert.Equal("mine", seen.One("x-request-id"));
        Assert.Equal(Trace, seen.One("traceparent"));
        Assert.Equal("a=1,b=2", seen.One("tracestate"));
        Assert.Equal("k=v", seen.One("baggage"));
        Assert.Equal("80f198ee56343ba8-05e3ac9a4f6e3b90-1", seen.One("b3"));
        Assert.Equal($"192.0.2.1,{lab.Stranger.IPv4}", seen.One("x-forwarded-for"));
        Assert.Equal("test", seen.One("user-agent"));
        Assert.Equal("a=1; b=2", seen.One("cookie"));
    }

    [Theory]
    [InlineData("x-forwarded-client-cert: By=spiffe://cluster.local/ns/a/sa/b")]
    [InlineData("X-Forwarded-Proto: https")]
    [InlineData("x-forwarded-host: inner.test")]
    [InlineData("x-forwarded-port: 443")]
    [InlineData("x-envoy-internal: true")]
    [InlineData("X-Envoy-Original-Path: /admin")]
    [InlineData("x-envoy-upstream-rq-timeout-ms: 15")]
    [InlineData("x-envoy-retry-on: 5xx")]
    [InlineData("x_envoy_internal: true")]
    [InlineData("x_forwarded-client_cert: By=me")]
    [InlineData("X_Forwarded_For: 192.0.2.9")]
    [InlineData("x-istio-attributes: a")]
    public async Task What_only_the_mesh_may_say_is_not_taken_from_a_client(string forged)
    {
        RecordedRequest seen = await Send(forged);

        string value = forged[(forged.IndexOf(':', StringComparison.Ordinal) + 2)..];
        Assert.DoesNotContain(seen.Headers, header => header.Value == value);
    }

    [Fact]
    public async Task What_is_for_the_next_hop_only_goes_no_further()
    {
        RecordedRequest seen = await Send(
            "Connection: x-mine, X-Other", "x-mine: 1", "x-other: 2", "x-stays: 3", "Keep-Alive: timeout=9", "Proxy-Connection: keep-alive", "TE: gzip");

        Assert.Equal("3", seen.One("x-stays"));
        string[] hops = ["connection", "x-mine", "x-other", "keep-alive", "proxy-connection", "te", "upgrade"];
        Assert.DoesNotContain(seen.Headers, header => hops.Contains(header.Name));
        string answer = (await lab.Curl("-i", $"http://{lab.Gateway}/")).Output;
        Assert.Contains("\r\nx-envoy-upstream-service-time: ", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\r\nserver: istio-envoy\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("x-hop", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("keep-alive", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_client_cannot_take_out_what_a_gateway_says()
    {
        RecordedRequest seen = await Send("Connection: x-forwarded-for, x-forwarded-proto, x-request-id, host", "x-forwarded-for: 192.0.2.1");

        Assert.Equal(lab.Stranger.IPv4.ToString(), seen.One("x-forwarded-for"));
        Assert.Equal("http", seen.One("x-forwarded-proto"));
        Assert.NotNull(seen.One("x-request-id"));
        Assert.Equal("web.test", seen.One("host"));
    }

    [Fact]
    public async Task What_is_no_ASCII_passes_both_ways()
    {
        RecordedRequest seen = await Send("x-name: d\u00e9j\u00e0 vu");
        // The backend reads byte by byte.
        Assert.Equal("d\u00c3\u00a9j\u00c3\u00a0 vu", seen.One("x-name"));

        string answer = (await lab.Curl("-i", $"http://{lab.Gateway}/latin")).Output;
        Assert.Contains("d\u00e9j\u00e0 vu", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_waypoint_says_what_it_knows_and_believes_nobody_about_certificates()
    {
        using X509Certificate2 client = await Certificates.Issue(lab.Mesh.Authority, "spiffe://cluster.local/ns/default/sa/client");
        await using TunnelPeer tunnel = await TunnelPeer.Connect(lab.Mesh.Pod("client"), lab.Waypoint, client);
        Assert.Equal(200, await tunnel.Open("10.96.9.1:80"));
        string path = $"/{Guid.NewGuid():N}";
        await tunnel.Send($"GET {path} HTTP/1.1\r\nHost: recorded\r\nx-forwarded-client-cert: By=me\r\nx-forwarded-for: 192.0.2.1\r\nx-request-id: mine\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", await tunnel.Receive(), StringComparison.Ordinal);

        RecordedRequest seen = Find(path);
        Assert.Empty(seen.All("x-forwarded-client-cert"));
        Assert.Equal("192.0.2.1", seen.One("x-forwarded-for"));
        Assert.Equal("http", seen.One("x-forwarded-proto"));
        Assert.Equal("mine", seen.One("x-request-id"));
        Assert.Equal("recorded", seen.One("host"));
    }

    private async Task<RecordedRequest> Send(params string[] headers)
    {
        string path = $"/{Guid.NewGuid():N}";
        Assert.Equal("ok", (await lab.Curl([.. headers.SelectMany(header => new[] { "-H", header }), $"http://{lab.Gateway}{path}"])).Output);
        return Find(path);
    }

    private RecordedRequest Find(string path) => Assert.Single(lab.Backend.Requests, request => request.Line == $"GET {path} HTTP/1.1");
}

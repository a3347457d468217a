using System.Net;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// GRPCRoutes at an HTTP listener that is spoken to in HTTP/2 with prior knowledge: the conformance suite's tests of those names
/// (GATEWAY-GRPC). What no rule is for is UNIMPLEMENTED, 12.
/// </summary>
[Collection(nameof(ConformanceLab))]
public sealed class GrpcRouteTests(ConformanceLab lab)
{
    private const string Shared = "same-namespace";
    private const string Service = "gateway_api_conformance.echo_basic.grpcecho.GrpcEcho";

    [Fact]
    public async Task GRPCExactMethodMatching()
    {
        string rule(string method, string backend) => $"{{matches: [{{method: {{service: {Service}, method: {method}}}}}], backendRefs: [{Rpc(backend)}]}}\n";
        lab.Apply(RouteOf("GRPCRoute", "exact", "infra", "{name: same-namespace}", rule("Echo", "v1") + rule("EchoTwo", "v2")));
        await lab.Accepted("GRPCRoute", "exact");
        await Calls(Shared, [("", "Echo", "", "v1"), ("", "EchoTwo", "", "v2"), ("", "EchoThree", "", null)]);
    }

    [Fact]
    public async Task GRPCRouteHeaderMatching()
    {
        string rule(string backend, params string[] headers) =>
            $"{{matches: [{string.Join(", ", headers.Select(header => $"{{headers: [{header}]}}"))}], backendRefs: [{Rpc(backend)}]}}\n";
        lab.Apply(RouteOf(
            "GRPCRoute",
            "headers",
            "infra",
            "{name: same-namespace}",
            rule("v1", "{name: version, value: one}")
            + rule("v2", "{name: version, value: two}")
            + rule("v1", "{name: version, value: two}, {name: color, value: orange}")
            + rule("v1", "{name: color, value: blue}", "{name: color, value: green}")
            + rule("v2", "{name: color, value: red}", "{name: color, value: yellow}")));
        await lab.Accepted("GRPCRoute", "headers");
        await Calls(
            Shared,
            [
                ("", "Echo", "Version: one", "v1"),
                ("", "Echo", "Version: two", "v2"),
                ("", "Echo", "Version: two; Color: orange", "v1"),
                ("", "Echo", "Version: two; Color: blue", "v2"),
                ("", "Echo", "Color: orange", null),
                ("", "Echo", "Some-Other-Header: one", null),
                ("", "Echo", "Color: blue", "v1"),
                ("", "Echo", "Color: green", "v1"),
                ("", "Echo", "Color: red", "v2"),
                ("", "Echo", "Color: yellow", "v2"),
                ("", "Echo", "Color: purple", null),
            ]);
    }

    [Fact]
    public async Task GRPCRouteListenerHostnameMatching()
    {
        string listener(int number, string hostname) => $"{{name: listener-{number}, port: 80, protocol: HTTP, hostname: \"{hostname}\"}}";
        string at(string name, string backend, params int[] listeners) => RouteOf(
            "GRPCRoute", name, "infra", string.Join(", ", listeners.Select(number => $"{{name: gw1, sectionName: listener-{number}}}")), $"{{backendRefs: [{Rpc(backend)}]}}");
        lab.Apply(
            GatewayOf("gw1", listener(1, "bar.com"), listener(2, "foo.bar.com"), listener(3, "*.bar.com"), listener(4, "*.foo.com")),
            at("first", "v1", 1),
            at("second", "v2", 2),
            at("third", "v3", 3, 4));
        await lab.Accepted("GRPCRoute", "first", "second", "third");
        await Calls(
            "gw1",
            [
                ("bar.com", "Echo", "", "v1"),
                ("foo.bar.com", "Echo", "", "v2"),
                ("baz.bar.com", "Echo", "", "v3"),
                ("boo.bar.com", "Echo", "", "v3"),
                ("multiple.prefixes.bar.com", "Echo", "", "v3"),
                ("multiple.prefixes.foo.com", "Echo", "", "v3"),
                ("foo.com", "Echo", "", null),
                ("no.matching.host", "Echo", "", null),
            ]);
    }

    [Fact]
    public async Task GRPCRouteWeight()
    {
        lab.Apply(RouteOf(
            "GRPCRoute", "weight", "infra", "{name: same-namespace}", $"{{{Mark("weight")}, backendRefs: [{{name: v1, port: 81, weight: 70}}, {{name: v2, port: 81, weight: 30}}, {{name: v3, port: 81, weight: 0}}]}}"));
        await lab.Accepted("GRPCRoute", "weight");
        await lab.Expect(Shared, 80, $"POST /{Service}/Echo | content-type: application/grpc -> 200; has x-mark: weight", HttpVersion.Version20);
        var at = new IPEndPoint(lab.Mesh.Pod(Shared).IPv4, 80);
        Dictionary<string, int> shares = await Weights.Sample(
            300, _ => ConformanceLab.Ask(lab.Client, at, $"POST /{Service}/Echo | content-type: application/grpc -> 200", HttpVersion.Version20));
        Weights.AssertShares(shares, ("v1", 0.7), ("v2", 0.3));
    }

    [Fact]
    public async Task GRPCRouteNamedRule()
    {
        lab.Apply(RouteOf("GRPCRoute", "named", "infra", "{name: same-namespace}", $"{{name: named-rule, matches: [{{method: {{service: {Service}}}}}], backendRefs: [{Rpc("v1")}]}}"));
        await lab.Accepted("GRPCRoute", "named");
        await Calls(Shared, [("", "Echo", "", "v1")]);
    }

    [Fact]
    public async Task GRPCRouteRequestHeaderModifier()
    {
        lab.Apply(RouteOf(
            "GRPCRoute",
            "modifier",
            "infra",
            "{name: same-namespace}",
            $"{{matches: [{{method: {{service: {Service}}}}}], filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-set, value: s}}], add: [{{name: x-add, value: a}}], remove: [x-gone]}}}}], backendRefs: [{Rpc("v1")}]}}"));
        await lab.Accepted("GRPCRoute", "modifier");
        await lab.Expect(
            Shared,
            80,
            $"POST under_scored.example/{Service}/Echo | content-type: application/grpc; x-add: 0; x-gone: 1 -> v1; sees x-set: s; sees x-add: 0,a; misses x-gone; has grpc-status: 0",
            HttpVersion.Version20);
    }

    private Task Calls(string gateway, (string Host, string Method, string Headers, string? Pod)[] calls) => lab.Expect(
        gateway,
        80,
        string.Join('\n', calls.Select(call =>
            $"POST {call.Host}/{Service}/{call.Method} | content-type: application/grpc{(call.Headers.Length == 0 ? "" : $"; {call.Headers}")} -> {(call.Pod is null ? "200; has grpc-status: 12; lacks x-from" : $"{call.Pod}; has grpc-status: 0")}")),
        HttpVersion.Version20);

    private static string Rpc(string backend) => $"{{name: {backend}, port: 81}}";
}

using System.Net.Sockets;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>TCPRoutes to servers that speak first: the conformance suite's tests of those names (GATEWAY-TCP).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class TcpRouteTests(ConformanceLab lab)
{
    private const string FromRoutes = "{group: gateway.networking.k8s.io, kind: TCPRoute, namespace: infra}";

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha2")]
    public async Task TCPRouteParentRefPortAndSectionName(string version)
    {
        lab.Apply(
            GatewayOf("gw1", Listener("one", 9300), Listener("two", 9301), Listener("three", 9302)),
            Route("by-port", "v1", "port: 9300", version),
            Route("by-section", "v2", "sectionName: two", version),
            Route("by-both", "v3", "sectionName: three, port: 9302", version));
        await lab.Accepted("TCPRoute", "by-port", "by-section", "by-both");
        await lab.Greeted("gw1", 9300, "v1");
        await lab.Greeted("gw1", 9301, "v2");
        await lab.Greeted("gw1", 9302, "v3");
    }

    [Fact]
    public async Task TCPRouteParentRefAttachAll()
    {
        lab.Apply(GatewayOf("gw1", Listener("one", 9300), Listener("two", 9301), Listener("three", 9302)), Route("everywhere", "v1"));
        await lab.Listeners("gw1", """
            one: TCPRoute 1
            two: TCPRoute 1
            three: TCPRoute 1
            """);
        foreach (int port in new[] { 9300, 9301, 9302 })
            await lab.Greeted("gw1", port, "v1");
    }

    [Fact]
    public async Task TCPRouteMultipleRoutesAttachment()
    {
        string created(string route, string time) => route.Replace("namespace: infra}", $"namespace: infra, creationTimestamp: \"{time}\"}}", StringComparison.Ordinal);
        lab.Apply(
            GatewayOf("gw1", Listener("one", 9300)),
            created(Route("a-younger", "v2"), "2026-01-02T00:00:00Z"),
            created(Route("z-older", "v1"), "2026-01-01T00:00:00Z"));
        await lab.Accepted("TCPRoute", "a-younger", "z-older");
        await lab.Listeners("gw1", "one: TCPRoute 2");
        await lab.Greeted("gw1", 9300, "v1");
        Assert.Equal("v1", Assert.Single(await Weights.Sample(40, _ => lab.Greeting("gw1", 9300))).Key);
    }

    [Fact]
    public async Task TCPRouteWeightedRouting()
    {
        lab.Apply(
            GatewayOf("gw1", Listener("one", 9303)),
            RouteOf("TCPRoute", "weight", "infra", "{name: gw1}", "{backendRefs: [{name: v1, port: 7000, weight: 70}, {name: v2, port: 7000, weight: 30}, {name: v3, port: 7000, weight: 0}]}"));
        await lab.Accepted("TCPRoute", "weight");
        await MeshLab.Eventually("the port to be served", async () => await lab.Greeting("gw1", 9303) is not null);
        Weights.AssertShares(await Weights.Sample(300, _ => lab.Greeting("gw1", 9303)), ("v1", 0.7), ("v2", 0.3));
    }

    [Fact]
    public async Task TCPRouteReferenceGrant()
    {
        string[] objects =
        [
            GatewayOf("gw1", Listener("one", 9300)),
            RouteOf("TCPRoute", "granted", "infra", "{name: gw1}", "{backendRefs: [{name: app-v1, namespace: app, port: 7000}]}"),
        ];
        lab.Apply([.. objects, Grant("grant", "app", FromRoutes, "{group: \"\", kind: Service, name: app-v1}")]);
        await lab.Accepted("TCPRoute", "granted");
        await lab.Greeted("gw1", 9300, "app-v1");
        lab.Apply(objects);
        await lab.Parents("granted", "gw1: Accepted ResolvedRefs=False/RefNotPermitted", "TCPRoute");
        await lab.Greeted("gw1", 9300, null);
    }

    [Theory]
    [InlineData("TCPRouteInvalidBackendRefNonexistent", "{name: nonexistent, port: 7000}", "BackendNotFound")]
    [InlineData("TCPRouteInvalidCrossNamespaceBackendRef", "{name: app-v1, namespace: app, port: 7000}", "RefNotPermitted")]
    public async Task A_backend_that_cannot_be_used(string test, string backend, string reason)
    {
        lab.Apply(GatewayOf("gw1", Listener("one", 9300)), RouteOf("TCPRoute", test.ToLowerInvariant(), "infra", "{name: gw1}", $"{{backendRefs: [{backend}]}}"));
        await lab.Parents(test.ToLowerInvariant(), $"gw1: Accepted ResolvedRefs=False/{reason}", "TCPRoute");
        await lab.Greeted("gw1", 9300, null);
    }

    [Fact]
    public async Task TCPRouteInvalidNonTCPListener()
    {
        lab.Apply(
            GatewayOf("gw1", "{name: only-http, port: 5300, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}]}}"),
            Route("misplaced", "v1", "sectionName: only-http"));
        await lab.Parents("misplaced", "gw1 sectionName only-http: Accepted=False/NotAllowedByListeners ResolvedRefs", "TCPRoute");
        await lab.Listeners("gw1", "only-http: HTTPRoute 0");
    }

    [Fact]
    public async Task A_port_is_TCPs_or_somebody_elses()
    {
        lab.Apply(GatewayOf("gw1", Listener("one", 9300), "{name: http, port: 9300, protocol: HTTP}"), Route("refused", "v1"));
        await lab.Gateway("gw1", "Accepted=False/ListenersNotValid Programmed=False/Invalid");
        await lab.Listeners("gw1", """
            one: TCPRoute 1 Accepted=False/ProtocolConflict Programmed=False/ProtocolConflict Conflicted=True/ProtocolConflict
            http: HTTPRoute+GRPCRoute 0 Accepted=False/ProtocolConflict Programmed=False/ProtocolConflict Conflicted=True/ProtocolConflict
            """);
        await lab.Closed("gw1", 9300);
    }

    [Fact]
    public async Task A_policy_at_the_Gateway_holds_for_what_it_relays_and_cuts_what_is_open()
    {
        string[] objects = [GatewayOf("gw1", Listener("one", 9300)), Route("guarded", "v1")];
        lab.Apply(objects);
        await lab.Greeted("gw1", 9300, "v1");
        using EchoClient open = await EchoServer.Connect(lab.Client, lab.Mesh.Pod("gw1").IPv4, 9300);
        Assert.Equal("hello", await open.Echo("hello"));
        lab.Apply([.. objects, """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: nobody, namespace: infra}
            spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw1}]}

            """]);
        await lab.Greeted("gw1", 9300, null);
        await Assert.ThrowsAsync<SocketException>(open.ReadLine);
    }

    private static string Listener(string name, int port) => $"{{name: {name}, port: {port}, protocol: TCP}}";

    private static string Route(string name, string backend, string where = "", string version = "v1") =>
        RouteOf("TCPRoute", name, "infra", $"{{name: gw1{(where.Length == 0 ? "" : $", {where}")}}}", $"{{backendRefs: [{{name: {backend}, port: 7000}}]}}", version: version);
}

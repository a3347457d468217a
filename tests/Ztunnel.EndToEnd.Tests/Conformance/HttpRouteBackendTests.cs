using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Where requests go and what becomes of those that cannot: the conformance suite's tests of those names (GATEWAY-HTTP).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class HttpRouteBackendTests(ConformanceLab lab)
{
    private const string Shared = "same-namespace";
    private const string FromRoutes = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}";

    [Fact]
    public async Task HTTPRouteWeight()
    {
        lab.Apply(Route(
            "weight", Shared, $"{{{Mark("weight")}, backendRefs: [{{name: v1, port: 80, weight: 70}}, {{name: v2, port: 80, weight: 30}}, {{name: v3, port: 80, weight: 0}}]}}"));
        await lab.Accepted("HTTPRoute", "weight");
        await lab.Expect(Shared, "GET / -> 200; has x-mark: weight");
        Dictionary<string, int> shares = await Weights.Sample(400, _ => lab.Ask(Shared, "/"));
        Weights.AssertShares(shares, ("v1", 0.7), ("v2", 0.3));
    }

    [Fact]
    public async Task HTTPRouteOmittedBackendRefs()
    {
        lab.Apply(Route("omitted", Shared, "{matches: [{path: {value: /omitted}}]}\n{matches: [{path: {value: /empty}}], backendRefs: []}\n" + Prefix("/well", "")));
        await lab.Accepted("HTTPRoute", "omitted");
        await lab.Expect(Shared, """
            GET /well -> v1
            GET /omitted -> 500
            GET /empty -> 500
            """);
    }

    [Fact]
    public async Task HTTPRouteReferenceGrant()
    {
        string route = Route("granted", Shared, "{backendRefs: [{name: web, namespace: web, port: 80}]}");
        lab.Apply(route, Grant("grant", "web", FromRoutes, "{group: \"\", kind: Service, name: web}"));
        await lab.Accepted("HTTPRoute", "granted");
        await lab.Expect(Shared, "GET / -> web");
        lab.Apply(route);
        await lab.Parents("granted", "same-namespace: Accepted ResolvedRefs=False/RefNotPermitted");
        await lab.Expect(Shared, "GET / -> 500");
    }

    [Fact]
    public async Task HTTPRouteInvalidReferenceGrant()
    {
        const string ToService = "{group: \"\", kind: Service, name: web}";
        lab.Apply(
            Route("refused", Shared, "{backendRefs: [{name: web, namespace: web, port: 80}]}"),
            Grant("wrong-namespace", "infra", FromRoutes, ToService),
            Grant("wrong-from-group", "web", FromRoutes.Replace("gateway.networking.k8s.io", "not.the.group", StringComparison.Ordinal), ToService),
            Grant("wrong-from-kind", "web", FromRoutes.Replace("HTTPRoute", "Gateway", StringComparison.Ordinal), ToService),
            Grant("wrong-from-namespace", "web", FromRoutes.Replace("infra", "app", StringComparison.Ordinal), ToService),
            Grant("wrong-to-group", "web", FromRoutes, "{group: not.the.group, kind: Service, name: web}"),
            Grant("wrong-to-kind", "web", FromRoutes, "{group: \"\", kind: Secret, name: web}"),
            Grant("wrong-to-name", "web", FromRoutes, "{group: \"\", kind: Service, name: other}"));
        await lab.Parents("refused", "same-namespace: Accepted ResolvedRefs=False/RefNotPermitted");
        await lab.Expect(Shared, "GET / -> 500");
    }

    [Fact]
    public async Task HTTPRoutePartiallyInvalidViaInvalidReferenceGrant()
    {
        lab.Apply(
            Route("partly", "same-namespace", "{matches: [{path: {value: /}}], backendRefs: [{name: app-v1, namespace: app, port: 80}]}\n{matches: [{path: {value: /v2}}], backendRefs: [{name: app-v2, namespace: app, port: 80}]}"),
            Grant("first-only", "app", FromRoutes, "{group: \"\", kind: Service, name: app-v1}"));
        await lab.Parents("partly", "same-namespace: Accepted ResolvedRefs=False/RefNotPermitted");
        await lab.Expect(Shared, """
            GET / -> app-v1
            GET /v2 -> 500
            """);
    }

    [Theory]
    [InlineData("HTTPRouteInvalidBackendRefUnknownKind", "{group: unknownkind.example.com, kind: NonExistent, name: v1, port: 80}", "InvalidKind")]
    [InlineData("HTTPRouteInvalidNonExistentBackendRef", "{name: nonexistent, port: 80}", "BackendNotFound")]
    [InlineData("HTTPRouteInvalidCrossNamespaceBackendRef", "{name: web, namespace: web, port: 80}", "RefNotPermitted")]
    public async Task A_backend_that_cannot_be_used(string test, string backend, string reason)
    {
        lab.Apply(Route(test.ToLowerInvariant(), Shared, $"{{backendRefs: [{backend}]}}"));
        await lab.Parents(test.ToLowerInvariant(), $"same-namespace: Accepted ResolvedRefs=False/{reason}");
        await lab.Expect(Shared, "GET / -> 500");
    }

    [Fact]
    public async Task HTTPRouteServiceTypes()
    {
        string ip = lab.Mesh.Pod("v1").IPv4.ToString();
        string headless = Service("headless", "infra", 30, ip)
            .Replace("clusterIP: 10.96.8.30", "clusterIP: None", StringComparison.Ordinal)
            .Replace("clusterIPs: [10.96.8.30]", "clusterIPs: [None]", StringComparison.Ordinal);
        lab.Apply(
            Route("types", Shared, Prefix("/headless", "", "headless") + Prefix("/manual", "", "manual")),
            headless,
            Service("manual", "infra", 31, ip).Replace("kubernetes.io/service-name: manual", "kubernetes.io/service-name: manual, endpointslice.kubernetes.io/managed-by: test", StringComparison.Ordinal));
        await lab.Accepted("HTTPRoute", "types");
        await lab.Expect(Shared, """
            GET /headless -> v1
            GET /manual -> v1
            """);
    }

    [Fact]
    public async Task HTTPRouteObservedGenerationBump()
    {
        string route(string backend, string generation) => Route("bumped", Shared, $"{{backendRefs: [{To(backend)}]}}")
            .Replace("name: bumped,", $"name: bumped, generation: {generation},", StringComparison.Ordinal);
        lab.Apply(route("v1", "1"));
        await lab.Generation("HTTPRoute", "bumped", 1);
        await lab.Expect(Shared, "GET / -> v1");
        lab.Apply(route("v2", "2"));
        await lab.Generation("HTTPRoute", "bumped", 2);
        await lab.Accepted("HTTPRoute", "bumped");
        await lab.Expect(Shared, "GET / -> v2");
    }

    [Theory]
    [InlineData("request")]
    [InlineData("backendRequest")]
    public async Task HTTPRouteTimeout(string timeout)
    {
        string rule(string path, string value) => $"{{matches: [{{path: {{value: {path}}}}}], timeouts: {{{timeout}: {value}}}, backendRefs: [{To("v1")}]}}\n";
        lab.Apply(Route($"timeout-{timeout.ToLowerInvariant()}", Shared, rule("/timeout", "500ms") + rule("/disabled", "0s")));
        await lab.Accepted("HTTPRoute", $"timeout-{timeout.ToLowerInvariant()}");
        await lab.Expect(Shared, """
            GET /disabled?delay=1000 -> v1
            GET /timeout -> v1
            GET /timeout?delay=5000 -> 504
            """);
    }

    [Fact]
    public async Task HTTPRouteBackendProtocolH2C()
    {
        lab.Apply(Route("h2c", Shared, "{backendRefs: [{name: v1, port: 81}]}"));
        await lab.Accepted("HTTPRoute", "h2c");
        await lab.Expect(Shared, 80, "GET / -> v1", HttpVersion.Version20);
        Assert.Contains("HTTP/2", (await lab.Ask(Shared, "/")).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HTTPRouteBackendProtocolWebSocket()
    {
        string service = Service("socket", "infra", 32, lab.Mesh.Pod("v1").IPv4.ToString())
            .Replace("targetPort: 8080}", "targetPort: 8080, appProtocol: kubernetes.io/ws}", StringComparison.Ordinal);
        lab.Apply(Route("socket", Shared, Prefix("/ws", "", "socket") + Prefix("/unsaid", "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /ws}}}")), service);
        await lab.Accepted("HTTPRoute", "socket");
        await lab.Expect(Shared, "GET /ws -> 500");
        foreach (string path in new[] { "/ws", "/unsaid" })
        {
            using var handler = new SocketsHttpHandler
            {
                ConnectCallback = async (_, _) => new NetworkStream(await PodSocket.Connect(lab.Client, lab.Mesh.Pod(Shared).IPv4, 80), ownsSocket: true),
            };
            using var invoker = new HttpMessageInvoker(handler);
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://gateway{path}"), invoker, TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience);
            foreach (WebSocketMessageType type in new[] { WebSocketMessageType.Text, WebSocketMessageType.Binary })
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes("echo"), type, endOfMessage: true, TestContext.Current.CancellationToken);
                byte[] buffer = new byte[16];
                WebSocketReceiveResult got = await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience);
                Assert.Equal((type, "echo"), (got.MessageType, Encoding.UTF8.GetString(buffer, 0, got.Count)));
            }
        }
    }
}

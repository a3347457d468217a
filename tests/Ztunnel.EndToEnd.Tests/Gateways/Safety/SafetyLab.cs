using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Gateway;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// One Gateway with two instances in front of a backend that writes down what it is sent: <c>gateway</c> with the defaults, and
/// <c>strict</c> with limits that a test can reach. And a waypoint with the same limits.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class SafetyLab : IAsyncLifetime
{
    public const int BackendPort = 8080;

    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal RecordingBackend Backend { get; private set; } = null!;

    internal LabPod Stranger => Mesh.Pod("stranger");

    internal IPAddress Gateway => Mesh.Pod("gateway").IPv4;

    internal IPAddress Strict => Mesh.Pod("strict").IPv4;

    internal IPAddress Waypoint => Mesh.Pod("waypoint").IPv4;

    /// <summary>What <c>strict</c> and the waypoint allow.</summary>
    internal static HttpLimits Limits { get; } = new()
    {
        HeaderTimeout = TimeSpan.FromSeconds(2),
        IdleTimeout = TimeSpan.FromSeconds(3),
        StreamIdleTimeout = TimeSpan.FromSeconds(2),
        Connections = 20,
        BodyRate = 10_000,
        BodyGrace = TimeSpan.FromSeconds(5),
    };

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("gateway", "infra").Pod("strict", "infra").Pod("waypoint").Pod("client").Pod("stranger", "outside").Pod("backend", "outside"),
            Manifests,
            nodesWithoutAgent: ["a"]);
        WriteEdge();
        Backend = RecordingBackend.Start(_mesh.Pod("backend"), BackendPort);
        await _mesh.StartGateway(_mesh.Pod("gateway"), "edge");
        await _mesh.StartGateway(_mesh.Pod("strict"), "edge", WithLimits);
        await _mesh.StartGateway(_mesh.Pod("waypoint"), "waypoint", WithLimits);
        foreach (IPAddress gateway in new[] { Gateway, Strict })
            await MeshLab.Eventually("the gateway to serve", async () => (await Curl($"http://{gateway}/ready")).Output == "ok");
    }

    public async ValueTask DisposeAsync()
    {
        if (_mesh is null)
            return;
        await _mesh.DisposeAsync();
        await Backend.DisposeAsync();
    }

    /// <summary>Runs curl outside the mesh, for the host that is served.</summary>
    internal Task<ProcessResult> Curl(params string[] arguments) =>
        Stranger.Exec("curl", ["-sS", "--max-time", "15", "-H", "Host: web.test", .. arguments]);

    /// <summary>A client outside the mesh.</summary>
    internal Task<Socket> Connect(IPAddress gateway, int port = 80) => PodSocket.Connect(Stranger, gateway, port);

    /// <summary>Writes the Gateway at the edge, with further listeners.</summary>
    internal void WriteEdge(params string[] more) => Mesh.Manifests.Write("edge.yaml", $$$$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: edge, namespace: infra}
        spec:
          gatewayClassName: istio
          listeners:
          - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
          - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}, allowedRoutes: {namespaces: {from: All}}}
        {{{{string.Concat(more.Select(listener => $"  - {listener}\n"))}}}}
        """);

    private static GatewayAgentOptions WithLimits(GatewayAgentOptions options) => options with
    {
        Engine = options.Engine with { Limits = Limits, HandshakeTimeout = TimeSpan.FromSeconds(2) },
    };

    private static string Manifests(LabNetwork network) => Yaml.Join(
    [
        Yaml.Namespace("default", ambient: true),
        Yaml.Namespace("infra", ambient: false),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => Yaml.Pod(pod, pod.Name switch
        {
            "gateway" or "strict" => "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: edge}",
            "waypoint" => "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: waypoint}",
            _ => null,
        })),
        Yaml.GatewayClass("istio", "gateway-controller"),
        Yaml.GatewayClass("istio-waypoint", "mesh-controller"),
        Documents.Replace("WAYPOINT", network.Pod("waypoint").IPv4.ToString(), StringComparison.Ordinal)
            .Replace("BACKEND", network.Pod("backend").IPv4.ToString(), StringComparison.Ordinal),
        GatewayLab.Secret("cert", "web.test", "one"),
    ]);

    private const string Documents = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: waypoint, namespace: default, labels: {istio.io/waypoint-for: all}}
        spec:
          gatewayClassName: istio-waypoint
          listeners: [{name: mesh, port: 15008, protocol: HBONE}]
        status:
          addresses: [{type: IPAddress, value: WAYPOINT}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: recorded, namespace: default, labels: {istio.io/use-waypoint: waypoint}}
        spec:
          clusterIP: 10.96.9.1
          clusterIPs: [10.96.9.1]
          ports: [{name: http, port: 80, targetPort: 8080}]
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: recorded-1, namespace: default, labels: {kubernetes.io/service-name: recorded}}
        addressType: IPv4
        ports: [{name: http, port: 8080}]
        endpoints: [{addresses: [BACKEND], conditions: {ready: true}}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: default}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          hostnames: [web.test]
          rules: [{backendRefs: [{name: recorded, port: 80}]}]

        """;
}

/// <summary>The tests that share a <see cref="SafetyLab"/>.</summary>
[CollectionDefinition(nameof(SafetyLab))]
public sealed class SafetyTestGroup : ICollectionFixture<SafetyLab>;

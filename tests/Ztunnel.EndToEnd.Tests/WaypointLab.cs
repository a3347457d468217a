using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// One lab for the tests of waypoints: namespace <c>shop</c> with a waypoint of two pods, namespace <c>infra</c> with one that
/// others may use, <c>tagged</c> whose label binds all that is in it, and <c>outside</c>, which is not in the mesh.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class WaypointLab : IAsyncLifetime
{
    internal const string Account = "waypoint";

    private readonly List<FakeWaypoint> _waypoints = [];
    private readonly List<EchoServer> _servers = [];
    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal LabPod Client => Mesh.Pod("client");

    /// <summary>Behind services that are bound, itself not.</summary>
    internal LabPod Server => Mesh.Pod("server");

    /// <summary>A pod with a waypoint of its own, behind no service.</summary>
    internal LabPod Worker => Mesh.Pod("worker");

    /// <summary>A captured pod that is an instance of the waypoint.</summary>
    internal LabPod Insider => Mesh.Pod("insider");

    /// <summary>A captured pod that is an instance of an ingress gateway.</summary>
    internal LabPod Edge => Mesh.Pod("edge");

    /// <summary>A captured pod beside the server.</summary>
    internal LabPod Neighbour => Mesh.Pod("neighbour");

    /// <summary>A pod outside the mesh.</summary>
    internal LabPod Stranger => Mesh.Pod("stranger");

    internal static Dictionary<string, IPAddress[]> Services { get; } = new[] { "web", "shared", "private", "absent", "hollow", "tagged", "free", "deep", "legacy" }
        .Select((name, index) => (name, index))
        .ToDictionary(
            service => service.name,
            service => new[] { IPAddress.Parse($"10.96.1.{service.index + 1}"), IPAddress.Parse($"fd00:10:96:1::{service.index + 1}") },
            StringComparer.Ordinal);

    /// <summary>What was asked of all waypoints so far.</summary>
    internal IEnumerable<WaypointVisit> Visits => _waypoints.SelectMany(waypoint => waypoint.Visits);

    public async ValueTask InitializeAsync()
    {
        _mesh = await Start();
        foreach (string name in new[] { "waypoint-1", "waypoint-2", "infra-1" })
            _waypoints.Add(FakeWaypoint.Start(Mesh.Pod(name), Account, Mesh, Resolve));
        foreach (string name in new[] { "server", "worker", "tagged-1", "free-1", "deep-1", "legacy-1" })
            _servers.Add(EchoServer.Start(Mesh.Pod(name)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (EchoServer server in _servers)
            await server.DisposeAsync();
        foreach (FakeWaypoint waypoint in _waypoints)
            await waypoint.DisposeAsync();
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>The lab without waypoints that serve and servers that answer.</summary>
    internal static async Task<MeshLab> Start(Func<NodeAgentOptions, NodeAgentOptions>? configure = null)
    {
        MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client", "shop").Pod("waypoint-1", "shop").Pod("insider", "shop").Pod("edge", "shop").Pod("stranger", "outside");
                lab.Node("b").Pod("server", "shop").Pod("worker", "shop").Pod("waypoint-2", "shop").Pod("idle", "shop").Pod("infra-1", "infra")
                    .Pod("tagged-1", "tagged").Pod("free-1", "tagged").Pod("deep-1", "shop").Pod("legacy-1", "shop").Pod("neighbour", "shop");
            },
            Manifests,
            configure);
        foreach (string name in new[] { "client", "edge", "server", "worker", "insider", "tagged-1", "free-1", "deep-1", "legacy-1", "neighbour" })
            await mesh.UntilCaptured(mesh.Pod(name));
        return mesh;
    }

    /// <summary>The endpoint an authority means: a service's only pod, by its address or hostname, or the address itself.</summary>
    internal IPEndPoint Resolve(string authority)
    {
        string host = authority[..authority.LastIndexOf(':')].Trim('[', ']');
        string? service = Services.FirstOrDefault(entry => entry.Value.Any(ip => ip.ToString() == host) || host.StartsWith(entry.Key + ".", StringComparison.Ordinal)).Key;
        if (service is null)
            return IPEndPoint.Parse(authority);
        return new IPEndPoint(Mesh.Pod(service is "tagged" or "free" or "deep" or "legacy" ? $"{service}-1" : "server").IPv4, EchoServer.Port);
    }

    private static string Manifests(LabNetwork network) => Yaml.Join(
    [
        Namespace("shop", "istio.io/dataplane-mode: ambient"),
        Namespace("infra", "team: platform"),
        Namespace("tagged", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: tagged-waypoint, team: blue"),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(Pod),
        Yaml.Service("waypoint", "shop", "{role: waypoint}", 15008, "15008", "10.96.1.101", "fd00:10:96:1::101"),
        Yaml.Service("idle-waypoint", "shop", "{role: idle}", 15008, "15008", "10.96.1.102"),
        Yaml.Service("shared-waypoint", "infra", "{role: waypoint}", 15008, "15008", "10.96.1.103"),
        Gateway("waypoint", "shop", "service"),
        Gateway("for-workloads", "shop", "workload", address: "waypoint.shop.svc.cluster.local"),
        Gateway("idle-waypoint", "shop", "service"),
        Gateway("shared-waypoint", "infra", "service", "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: shop}}}"),
        Gateway("private-waypoint", "infra", "service", "{from: Same}", address: "shared-waypoint"),
        Gateway("edge", "shop", "none").Replace("istio-waypoint", "istio", StringComparison.Ordinal).Replace("HBONE", "HTTP", StringComparison.Ordinal),
        Gateway("for-account", "shop", "all", address: "waypoint").Replace("labels:", "annotations: {istio.io/for-service-account: legacy-1}\n  labels:", StringComparison.Ordinal),
        Gateway("tagged-waypoint", "tagged", "all", address: "10.244.1.6"),
        Service("web", "shop", "server", "istio.io/use-waypoint: waypoint"),
        Service("shared", "shop", "server", "istio.io/use-waypoint: shared-waypoint, istio.io/use-waypoint-namespace: infra"),
        Service("private", "shop", "server", "istio.io/use-waypoint: private-waypoint, istio.io/use-waypoint-namespace: infra"),
        Service("absent", "shop", "server", "istio.io/use-waypoint: nowhere"),
        Service("hollow", "shop", "server", "istio.io/use-waypoint: idle-waypoint"),
        Service("deep", "shop", "deep-1", "istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: \"true\""),
        Service("legacy", "shop", "legacy-1", ""),
        Service("tagged", "tagged", "tagged-1", ""),
        Service("free", "tagged", "free-1", "istio.io/use-waypoint: none"),
    ]);

    private static string Pod(LabPod pod) => pod.Name switch
    {
        "waypoint-1" or "waypoint-2" => WaypointPod(pod, "role: waypoint, gateway.networking.k8s.io/gateway-name: waypoint"),
        "infra-1" => WaypointPod(pod, "role: waypoint, gateway.networking.k8s.io/gateway-name: shared-waypoint"),
        "idle" => WaypointPod(pod, "role: idle", ready: false),
        "insider" => Yaml.Pod(pod, "{gateway.networking.k8s.io/gateway-name: waypoint}", account: Account),
        "edge" => Yaml.Pod(pod, "{gateway.networking.k8s.io/gateway-name: edge}"),
        "worker" => Yaml.Pod(pod, "{app: worker, istio.io/use-waypoint: for-workloads}"),
        "free-1" => Yaml.Pod(pod, "{app: free-1, istio.io/use-waypoint: none}"),
        _ => Yaml.Pod(pod),
    };

    private static string WaypointPod(LabPod pod, string labels, bool ready = true) =>
        Yaml.Pod(pod, $"{{istio.io/dataplane-mode: none, {labels}}}", ready, account: Account);

    private static string Namespace(string name, string labels) => $"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n";

    private static string Service(string name, string @namespace, string app, string labels) => Yaml
        .Service(name, @namespace, $"{{app: {app}}}", 80, EchoServer.Port.ToString(CultureInfo.InvariantCulture), [.. Services[name].Select(ip => ip.ToString())])
        .Replace("metadata:\n", $"metadata:\n  labels: {{{labels}}}\n", StringComparison.Ordinal);

    private static string Gateway(string name, string @namespace, string @for, string allowed = "{}", string? address = null)
    {
        string type = IPAddress.TryParse(address, out _) ? "IPAddress" : "Hostname";
        string status = address is null ? "" : $"status:\n  addresses: [{{type: {type}, value: {address}}}]\n";
        return $"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata:
              name: {name}
              namespace: {@namespace}
              labels: {"{"}istio.io/waypoint-for: {@for}{"}"}
            spec:
              gatewayClassName: istio-waypoint
              listeners:
              - name: mesh
                port: 15008
                protocol: HBONE
                allowedRoutes:
                  namespaces: {allowed}
            {status}
            """;
    }
}

/// <summary>The tests that share a <see cref="WaypointLab"/>.</summary>
[CollectionDefinition(nameof(WaypointLab))]
public sealed class WaypointTestGroup : ICollectionFixture<WaypointLab>;

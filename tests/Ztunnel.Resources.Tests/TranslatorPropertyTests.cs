using System.Globalization;
using System.Net;
using FsCheck;
using FsCheck.Fluent;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Whatever has happened before, the mesh is what the objects there are now say.</summary>
public sealed class TranslatorPropertyTests
{
    private static readonly string[] Addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "172.30.0.11"];
    private static readonly string[] VirtualIps = ["10.96.0.1", "10.96.0.2"];
    private static readonly TestCertificate Certificate = TestCertificate.For("a.com");
    private static readonly ResourceEvent[] Steps = [.. Objects().SelectMany(@object => new ResourceEvent[]
    {
        new ResourceEvent.Put(@object, new Origin("x.yaml", 1)),
        new ResourceEvent.Remove(@object.Key),
    })];

    [Fact]
    public void Any_sequence_of_changes_gives_the_mesh_of_the_final_objects()
    {
        Gen<int[]> sequences = Gen.Choose(0, Steps.Length - 1).ArrayOf();

        Prop.ForAll(sequences.ToArbitrary(), Check).Check(Config.QuickThrowOnFailure.WithMaxTest(400).WithEndSize(150));
    }

    [Fact]
    public void When_everything_is_removed_nothing_is_left()
    {
        var world = new World();
        foreach (ResourceEvent step in Steps.OfType<ResourceEvent.Put>())
            world.Translator.Apply(step);
        foreach (ResourceEvent step in Steps.OfType<ResourceEvent.Remove>())
            world.Translator.Apply(step);

        Assert.Equal(Describe(new World()), Describe(world));
        Assert.Equal(0, world.Mesh.AddressCount);
        Assert.Equal(0, world.Mesh.NodeCount);
    }

    private static void Check(int[] sequence)
    {
        var world = new World();
        var present = new Dictionary<ObjectKey, ResourceEvent.Put>();
        foreach (int step in sequence)
        {
            world.Translator.Apply(Steps[step]);
            if (Steps[step] is ResourceEvent.Put put)
                present[put.Object.Key] = put;
            else
                present.Remove(((ResourceEvent.Remove)Steps[step]).Key);
        }

        var fresh = new World();
        foreach (ResourceEvent.Put put in present.Values.OrderByDescending(put => put.Object.Key, ObjectKey.Order))
            fresh.Translator.Apply(put);

        Assert.Equal(Describe(fresh), Describe(world));
        Assert.Equal(fresh.Mesh.AddressCount, world.Mesh.AddressCount);
        Assert.Equal(fresh.Mesh.NodeCount, world.Mesh.NodeCount);
    }

    /// <summary>Everything that can be asked of a mesh, as text.</summary>
    private static string Describe(World world)
    {
        var lines = new List<string>();
        lines.AddRange(world.Mesh.Workloads.Select(workload =>
            $"workload {workload} {workload.Uid} {string.Join(',', workload.Addresses)} {workload.Enrolment} {workload.Ready} {workload.Created}"));
        foreach (Service service in world.Mesh.Services)
        {
            lines.Add($"service {service} {string.Join(',', service.VirtualIps)} {string.Join(',', service.Ports)} {service.LocalOnly} {service.Distribution} {service.ClientAffinity}");
            lines.AddRange(world.Mesh.EndpointsOf(service.Name).Select((endpoint, index) =>
                string.Create(CultureInfo.InvariantCulture, $"endpoint {service} {index} {endpoint.Address} {endpoint.Pod} {endpoint.Ready} {endpoint.Terminating} {endpoint.Node} {endpoint.Zone} {endpoint.OnFailingNode} {Show(endpoint.Route)}")));
        }

        lines.AddRange(Addresses.Select(address => $"owner of {address}: {world.At(address)}"));
        lines.AddRange(VirtualIps.Select(address => $"service of {address}: {world.Mesh.ServiceByVirtualIp(IPAddress.Parse(address))}"));
        lines.AddRange(
            from address in Addresses.Concat(VirtualIps)
            from port in (string[])["80", "81"]
            from pick in Enumerable.Range(0, 3)
            select $"{address}:{port} pick {pick}: {Show(world.Decide($"{address}:{port}", pick))}");
        lines.AddRange(world.Mesh.HttpGateways.SelectMany(gateway => gateway.Listeners.OfType<Mesh.HttpListener>()
            .SelectMany(listener => listener.Routes.Matches.Select(way => $"listener {gateway.Name} {listener.Name} {way}"))
            .Append($"gateway {gateway.Name} {string.Join(',', gateway.Services)} {string.Join(',', gateway.Listeners.Select(listener => listener.Name))}")));
        lines.AddRange(world.Mesh.ServiceRoutes.SelectMany(routes => routes.Groups.SelectMany(group => group.Routes.Matches.Select(way => $"route of {routes.Service} {group.Port} {group.Namespace} {way}"))));
        lines.AddRange(world.Translator.Inventory.Snapshot().Statuses.Select(Show));
        lines.AddRange(world.Problems);
        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    private static string Show(Mesh.Route? route) => route switch
    {
        Mesh.Route.Tunnel tunnel => $"tunnel {tunnel.NextHop} {tunnel.Authority} {tunnel.ExpectedIdentity} {tunnel.Destination.Uid} {tunnel.Service}",
        Mesh.Route.Passthrough clear => $"clear {clear.Destination} {clear.Workload} {clear.Service}",
        _ => route?.ToString() ?? "none",
    };

    private static string Show(GatewayApiStatus status) =>
        $"status {status.Object} {string.Join(',', status.Conditions)} {string.Join(',', status.Addresses)} "
        + string.Join(',', status.Listeners.Select(listener => $"{listener.Name} {listener.AttachedRoutes} {string.Join(',', listener.Conditions)}"))
        + string.Join(',', status.Parents.Select(parent => $"{parent.Parent} {string.Join(',', parent.Conditions)}"));

    private static string Node(string name, string zone, string ready) =>
        $"{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {{topology.kubernetes.io/zone: {zone}}}}}, status: {{conditions: [{{type: Ready, status: \"{ready}\"}}]}}}}\n";

    private static IEnumerable<KubernetesObject> Objects()
    {
        string[] manifests =
        [
            Namespace("default", "ambient"), Namespace("default", null), Namespace("default", "none"), Namespace("shop", "ambient"),
            Pod("a", "10.0.0.1"), Pod("a", "10.0.0.2", metadata: "uid: u1"), Pod("a", "10.0.0.1", app: "other", metadata: "uid: u2"),
            Pod("a", "10.0.0.1", status: "phase: Succeeded", metadata: "uid: u1"), Pod("a", "172.30.0.11", spec: "hostNetwork: true"),
            Pod("b", "10.0.0.1", metadata: "uid: u1, creationTimestamp: 2026-01-01T00:00:00Z"),
            Pod("b", "10.0.0.1", metadata: "uid: u3, creationTimestamp: 2026-01-02T00:00:00Z", http: 9090),
            Pod("b", "10.0.0.3", metadata: "labels: {app: web, istio.io/dataplane-mode: none}").Replace("labels: {app: web }, ", "", StringComparison.Ordinal),
            Pod("b", "10.0.0.2", status: "conditions: [{type: Ready, status: \"False\"}]"),
            Pod("c", "10.0.0.1", metadata: "uid: u1, creationTimestamp: 2026-01-03T00:00:00Z"), Pod("c", "172.30.0.11", spec: "hostNetwork: true"),
            Pod("c", "10.0.0.3", metadata: "deletionTimestamp: 2026-01-03T00:00:00Z"), Pod("a", "10.0.0.2", @namespace: "shop"),
            Service("web", "10.96.0.1"), Service("web", "10.96.0.2", app: "other"), Service("web", "10.96.0.1", target: "7070", spec: "publishNotReadyAddresses: true"),
            Service("web", "None"), Service("web", "", spec: "type: ExternalName"), Service("shop", "10.96.0.1", @namespace: "shop"), Service("two", "10.96.0.2"),
            Slice("web-1", "web", 8080, "10.0.0.1", "10.0.0.3"), Slice("web-1", "two", 8080, "10.0.0.2"),
            SliceOf("web-2", "web", 9090, "{addresses: [10.0.0.1], targetRef: {kind: Pod, name: b}}, {addresses: [10.0.0.2], conditions: {ready: false}}"),
            SliceOf("web-2", "web", 9090, "{addresses: [172.30.0.11], targetRef: {kind: Pod, name: c}}"), Slice("two-1", "two", 80),
            Service("web", "10.96.0.1", spec: "trafficDistribution: PreferSameNode"), Service("two", "10.96.0.2", spec: "internalTrafficPolicy: Local"),
            Namespace("default", "ambient").Replace("metadata: {", "metadata: {annotations: {networking.istio.io/traffic-distribution: PreferClose}, ", StringComparison.Ordinal),
            SliceOf("two-1", "two", 80, "{addresses: [10.0.0.3], nodeName: node-a}, {addresses: [10.0.0.2], zone: z1}"),
            Node("node-a", "z1", "True"), Node("node-a", "z2", "False"), Node("node-b", "z1", "True"),
            Pod("c", "10.0.0.2", spec: "nodeName: node-b").Replace("nodeName: node-a, ", "", StringComparison.Ordinal),
            Gateway("g", [Open("http"), Open("named", 81, "*.a.com")], "default"), Gateway("g", [Listener("http")], "default", "addresses: [{type: Hostname, value: web}]"),
            Gateway("h", [Https("https", "{name: tls, namespace: shop}")], "default"), Gateway("g", [Listener("http")], "default", @class: "other"), Class("other", "istio.io/gateway-controller"),
            Secret("tls", Certificate.Chain, Certificate.Key, "shop"), Secret("tls", "", "", "shop"),
            Grant("shop", "{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}, {group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: default}", "{group: \"\", kind: Secret}, {group: \"\", kind: Service}"),
            GatewayManifests.Route("r", "{name: g}, {group: \"\", kind: Service, name: web}", "{backendRefs: [{name: web, port: 80}, {name: shop, namespace: shop, port: 80}]}", "default", "b.a.com"),
            GatewayManifests.Route("r", "{name: h}, {name: g, sectionName: named}", "{backendRefs: [{name: two, port: 80}]}", "default"),
            GatewayManifests.Route("s", "{name: g, namespace: default}, {group: \"\", kind: Service, name: web, namespace: default}", @namespace: "shop"),
            GrpcRoute("r", "{name: g}, {group: \"\", kind: Service, name: web}", @namespace: "default", hostnames: "\"*.a.com\""),
        ];
        return manifests.SelectMany(Manifests.Objects);
    }
}

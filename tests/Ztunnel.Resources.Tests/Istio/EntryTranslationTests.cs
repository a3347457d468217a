using System.Net;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Entries;

namespace Ztunnel.Resources.Tests;

/// <summary>ServiceEntries as decisions about connections find them.</summary>
public sealed class EntryTranslationTests
{
    private static readonly string Ambient = Manifests.Namespace("default", "ambient");

    [Theory]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "192.0.2.1:80", "clear 198.51.100.1:80")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1, ports: {http: 8080}}]", "192.0.2.1:80", "clear 198.51.100.1:8080")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 10.244.1.9, ports: {http: 8080}}]", "192.0.2.1:80", "tunnel 10.244.1.9:8080")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: \"2001:db8::1\"}]", "192.0.2.1:80", "clear [2001:db8::1]:80")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "192.0.2.1:22", "clear unchanged")]
    [InlineData("addresses: [192.0.2.0/24], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "192.0.2.77:80", "clear 198.51.100.1:80")]
    [InlineData("addresses: [192.0.2.0/24], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "192.0.3.77:80", "clear unchanged")]
    [InlineData("addresses: [\"2001:db8::/64\"], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "[2001:db8::99]:80", "clear 198.51.100.1:80")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC", "192.0.2.1:80", "deny NoReadyEndpoints")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, workloadSelector: {labels: {app: vm}}", "192.0.2.1:80", "tunnel 10.244.1.9:80")]
    [InlineData("addresses: [192.0.2.1]", "192.0.2.1:80", "clear unchanged")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}], exportTo: [other]", "192.0.2.1:80", "clear unchanged")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}], exportTo: [.]", "192.0.2.1:80", "clear 198.51.100.1:80")]
    [InlineData("addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}], exportTo: [\"~\"]", "192.0.2.1:80", "clear unchanged")]
    [InlineData("addresses: [10.244.1.9], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "10.244.1.9:80", "tunnel 10.244.1.9:80")]
    [InlineData("addresses: [10.244.0.0/16], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "10.244.1.9:80", "tunnel 10.244.1.9:80")]
    [InlineData("addresses: [10.96.0.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}]", "10.96.0.1:80", "tunnel 10.244.1.9:8080")]
    public void A_connection_to_its_address_goes_to_its_endpoints(string spec, string asked, string route)
    {
        var world = new World(
            Ambient, Manifests.Pod("vm", "10.244.1.9", app: "vm", status: "conditions: [{type: Ready, status: \"True\"}]"), Manifests.Service("web", "10.96.0.1", app: "vm"), Entry("out", "api.example.com", spec));

        Assert.Equal(route, world.Route(asked));
        world.Remove(Entry("out", "api.example.com", spec));
        Assert.Equal(asked.StartsWith("10.", StringComparison.Ordinal) ? route : "clear unchanged", world.Route(asked));
    }

    [Fact]
    public void What_has_no_endpoints_of_its_own_is_told_apart_from_what_is_unknown()
    {
        var world = new World(Entry("out", "\"*.example.com\"", "addresses: [192.0.2.0/24]"));
        Assert.Equal("*.example.com", Assert.IsType<Route.Passthrough>(world.Decide("192.0.2.5:80")).Service?.Hostname);
        Assert.Null(Assert.IsType<Route.Passthrough>(world.Decide("192.0.2.5:81")).Service);
    }

    [Fact]
    public void The_longest_block_has_an_address_and_a_single_address_goes_before_blocks()
    {
        var world = new World(
            Entry("wide", "wide.com", "addresses: [192.0.0.0/16], resolution: STATIC, endpoints: [{address: 198.51.100.1}]"),
            Entry("narrow", "narrow.com", "addresses: [192.0.2.0/24], resolution: STATIC, endpoints: [{address: 198.51.100.2}]"),
            Entry("one", "one.com", "addresses: [192.0.2.9], resolution: STATIC, endpoints: [{address: 198.51.100.3}]"));

        Assert.Equal("clear 198.51.100.1:80", world.Route("192.0.1.1:80"));
        Assert.Equal("clear 198.51.100.2:80", world.Route("192.0.2.1:80"));
        Assert.Equal("clear 198.51.100.3:80", world.Route("192.0.2.9:80"));
        world.Remove(Entry("narrow", "narrow.com"));
        Assert.Equal("clear 198.51.100.1:80", world.Route("192.0.2.1:80"));
    }

    [Fact]
    public void Of_two_for_a_host_of_a_namespace_the_oldest_has_it_and_a_Service_before_both()
    {
        const string Spec = "addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.";
        string old = Entry("z-old", "web.default.svc.cluster.local", Spec + "1}]", metadata: "creationTimestamp: \"2026-01-01T00:00:00Z\"");
        string young = Entry("a-young", "web.default.svc.cluster.local", Spec + "2}]", metadata: "creationTimestamp: \"2026-02-01T00:00:00Z\"");
        var world = new World(young, old);

        Assert.Equal("clear 198.51.100.1:80", world.Route("192.0.2.1:80"));
        Assert.Equal("Accepted=False/HostConflict", world.Standing(ObjectKind.ServiceEntry, "a-young"));
        Assert.Contains(world.Problems, problem => problem.EndsWith("ServiceEntry default/a-young: spec.hosts[web.default.svc.cluster.local]: is a host of ServiceEntry default/z-old too, which has it", StringComparison.Ordinal));

        world.Put(Manifests.Service("web", "10.96.0.1"));
        Assert.Equal("clear unchanged", world.Route("192.0.2.1:80"));
        Assert.Equal("web", world.Mesh.ServiceByHostname("web.default.svc.cluster.local")!.Name.Name);
        Assert.Equal("Accepted=False/HostConflict", world.Standing(ObjectKind.ServiceEntry, "z-old"));

        world.Remove(Manifests.Service("web", "10.96.0.1"));
        world.Remove(old);
        Assert.Equal("clear 198.51.100.2:80", world.Route("192.0.2.1:80"));
        Assert.Equal("Accepted", world.Standing(ObjectKind.ServiceEntry, "a-young"));
        Assert.Empty(world.Problems);
    }

    [Fact]
    public void Clients_get_what_their_own_namespace_has_and_others_the_oldest()
    {
        string Of(string name, string @namespace, string endpoint, string created, string more = "") => Entry(
            name, "api.example.com", $"addresses: [192.0.2.1], resolution: STATIC, endpoints: [{{address: {endpoint}}}]{more}", @namespace, $"creationTimestamp: \"{created}-01-01T00:00:00Z\"");
        var world = new World(Of("a", "one", "198.51.100.1", "2025"), Of("b", "two", "198.51.100.2", "2024"));
        Assert.Equal("clear 198.51.100.2:80", world.Route("192.0.2.1:80"));
        Assert.Equal("two", world.Mesh.ServiceByHostname("API.example.com", "default")!.Name.Namespace);
        Assert.Equal("one", world.Mesh.ServiceByHostname("api.example.com", "one")!.Name.Namespace);

        world.Put(Of("mine", "default", "198.51.100.3", "2026"));
        Assert.Equal("clear 198.51.100.3:80", world.Route("192.0.2.1:80"));

        world.Put(Of("mine", "default", "198.51.100.3", "2026", ", exportTo: [other]"), Of("b", "two", "198.51.100.2", "2024", ", exportTo: [.]"));
        Assert.Equal("clear 198.51.100.1:80", world.Route("192.0.2.1:80"));
        Assert.Empty(world.Problems);
    }

    [Fact]
    public void Pods_and_WorkloadEntries_that_it_selects_are_its_endpoints_while_they_are_there()
    {
        string entry = Entry("out", "vm.example.com", "addresses: [192.0.2.1], resolution: STATIC, workloadSelector: {labels: {app: vm}}");
        string pod = Manifests.Pod("vm", "10.244.1.9", app: "vm", status: "conditions: [{type: Ready, status: \"True\"}]");
        string machine = Workload("vm-1", "198.51.100.1", "labels: {app: vm}, ports: {http: 8080}");
        var world = new World(Ambient, entry, pod, machine);
        string[] both = [world.Route("192.0.2.1:80"), world.Route("192.0.2.1:80", 1)];
        Assert.Equal("clear 198.51.100.1:8080 and tunnel 10.244.1.9:80", string.Join(" and ", both.Order(StringComparer.Ordinal)));

        world.Put(Workload("vm-1", "198.51.100.1", "labels: {app: other}"));
        Assert.Equal("tunnel 10.244.1.9:80", world.Route("192.0.2.1:80", 1));
        world.Put(Manifests.Pod("vm", "10.244.1.9", app: "other"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("192.0.2.1:80"));

        world.Put(machine);
        Assert.Equal("clear 198.51.100.1:8080", world.Route("192.0.2.1:80"));
        world.Remove(machine, entry);
        Assert.Empty(world.Mesh.Services);
    }

    [Fact]
    public void Hosts_without_addresses_are_given_some_the_same_everywhere()
    {
        const string Static = "resolution: STATIC, endpoints: [{address: 198.51.100.1}]";
        var world = new World(Entry("out", "a.com, b.com, \"*.c.com\"", Static), Entry("none", "d.com"), Entry("without", "e.com", Static, metadata: "labels: {networking.istio.io/enable-autoallocate-ip: \"false\"}"));

        IPAddress[] given = [.. Of("a.com"), .. Of("b.com")];
        Assert.Equal(4, given.Distinct().Count());
        Assert.All(given.Where(address => address.GetAddressBytes().Length == 4), address => Assert.StartsWith("240.240.", address.ToString(), StringComparison.Ordinal));
        Assert.All(given.Where(address => address.GetAddressBytes().Length == 16), address => Assert.StartsWith("2001:2:", address.ToString(), StringComparison.Ordinal));
        Assert.Empty(Of("*.c.com").Concat(Of("d.com")).Concat(Of("e.com")));
        Assert.All(given, address => Assert.Equal("clear 198.51.100.1:80", world.Route(new IPEndPoint(address, 80).ToString())));
        Assert.Equal(given, new World(Entry("other", "b.com", Static), Entry("another", "a.com", Static)).Mesh.Services.OrderBy(s => s.Hostname, StringComparer.Ordinal).SelectMany(s => s.VirtualIps));
        Assert.Equal(
            Of("a.com")[0],
            world.Translator.Inventory.StatusOf(new ObjectKey(ObjectKind.ServiceEntry, "default", "out"))!.AssignedAddresses[0].Address);

        IPAddress[] Of(string host) => [.. world.Mesh.ServiceByHostname(host)!.VirtualIps];
    }

    [Fact]
    public void What_a_control_plane_has_assigned_counts()
    {
        string entry = Entry("out", "a.com, b.com", "resolution: STATIC, endpoints: [{address: 198.51.100.1}]") + "status: {addresses: [{value: 240.240.0.5, host: a.com}, {value: 240.240.0.6, host: b.com}]}\n";
        var world = new World(entry);
        Assert.Equal("240.240.0.5", Assert.Single(world.Mesh.ServiceByHostname("a.com")!.VirtualIps).ToString());
        Assert.Equal("240.240.0.6", Assert.Single(world.Mesh.ServiceByHostname("b.com")!.VirtualIps).ToString());
    }

    [Fact]
    public void An_address_of_a_pod_or_a_Service_stays_theirs_and_that_is_told()
    {
        var world = new World(Manifests.Pod("vm", "10.244.1.9"), Entry("out", "a.com", "addresses: [10.244.1.9]"), Entry("same", "b.com", "addresses: [192.0.2.1]"), Entry("again", "c.com", "addresses: [192.0.2.1]"));
        Assert.EndsWith("ServiceEntry default/out: spec.addresses[10.244.1.9]: is an address of Pod default/vm too", Assert.Single(world.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Its_waypoint_is_its_own_or_its_namespaces()
    {
        Service Of(string labels, string namespaceLabels) => new World(
            $"apiVersion: v1\nkind: Namespace\nmetadata: {{name: default, labels: {{{namespaceLabels}}}}}\n",
            Entry("out", "a.com", metadata: $"labels: {{{labels}}}")).Mesh.ServiceByHostname("a.com")!;

        Assert.Equal(new WaypointRequest.Named(new GatewayName("infra", "out"), WaypointOrigin.Own), Of("istio.io/use-waypoint: out, istio.io/use-waypoint-namespace: infra", "istio.io/use-waypoint: other").Waypoint);
        Assert.Equal(new WaypointRequest.Named(new GatewayName("default", "other"), WaypointOrigin.Namespace), Of("", "istio.io/use-waypoint: other").Waypoint);
        Assert.Equal(WaypointRequest.OptOut, Of("istio.io/use-waypoint: none", "istio.io/use-waypoint: other").Waypoint);
        Assert.True(Of("", "istio.io/ingress-use-waypoint: \"true\"").IngressUsesWaypoint);
    }

    [Fact]
    public void A_policy_attached_to_it_is_enforced_by_its_waypoint()
    {
        string waypoint = """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: egress, namespace: default}
            spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
            status: {addresses: [{type: IPAddress, value: 10.244.1.20}]}
            """;
        string policy = Manifests.Policy("p", "ALLOW", "{to: [{operation: {methods: [GET]}}]}", spec: "targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: out}]");
        var world = new World(Ambient, waypoint, policy);
        Assert.Equal("ServiceEntry default/out: TargetNotFound", Placement());
        world.Put(Entry("out", "a.com", "addresses: [192.0.2.1]"));
        Assert.Equal("ServiceEntry default/out: AncestorNotBound, ServiceEntry default/out is not bound to a waypoint", Placement());
        world.Put(
            Entry("out", "a.com", "addresses: [192.0.2.1]", metadata: "labels: {istio.io/use-waypoint: egress}"),
            Manifests.Pod("egress", "10.244.1.20", labels: "gateway.networking.k8s.io/gateway-name: egress", status: "conditions: [{type: Ready, status: \"True\"}]"));
        Assert.Equal("Gateway default/egress for ServiceEntry default/out", Placement());
        Assert.Equal("waypoint 192.0.2.1:80", world.Way("192.0.2.1:80"));

        string Placement() => Assert.Single(world.Mesh.PlacementsOf(world.Mesh.Policies.Authorization.Single())).ToString();
    }
}

using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

public sealed class TopologyTranslationTests
{
    private const string Annotation = "networking.istio.io/traffic-distribution";

    [Theory]
    [InlineData("", false, TrafficDistribution.Any, false, false)]
    [InlineData("internalTrafficPolicy: Cluster, sessionAffinity: None", false, TrafficDistribution.Any, false, false)]
    [InlineData("internalTrafficPolicy: Local", true, TrafficDistribution.Any, false, false)]
    [InlineData("trafficDistribution: PreferClose", false, TrafficDistribution.PreferSameZone, false, false)]
    [InlineData("trafficDistribution: PreferSameZone", false, TrafficDistribution.PreferSameZone, false, false)]
    [InlineData("trafficDistribution: PreferSameNode", false, TrafficDistribution.PreferSameNode, false, false)]
    [InlineData("publishNotReadyAddresses: true", false, TrafficDistribution.Any, true, false)]
    [InlineData("sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}", false, TrafficDistribution.Any, false, true)]
    public void A_services_spec_says_which_endpoints_clients_get(string spec, bool local, TrafficDistribution distribution, bool publish, bool affinity)
    {
        var world = new World(Service("web", "10.96.0.1", spec: spec));

        Service service = Assert.Single(world.Mesh.Services);

        Assert.Equal((local, distribution, publish, affinity), (service.LocalOnly, service.Distribution, service.PublishNotReadyAddresses, service.ClientAffinity));
    }

    [Theory]
    [InlineData("internalTrafficPolicy: Near", "spec.internalTrafficPolicy")]
    [InlineData("sessionAffinity: Cookie", "spec.sessionAffinity")]
    public void A_value_that_is_none_is_told(string spec, string field)
    {
        Assert.Contains(field, Assert.Single(Problems(Service("web", "10.96.0.1", spec: spec))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", null, null, TrafficDistribution.Any)]
    [InlineData("", "prefersamenode", null, TrafficDistribution.PreferSameNode)]
    [InlineData("", null, "PreferClose", TrafficDistribution.PreferSameZone)]
    [InlineData("", "Any", "PreferClose", TrafficDistribution.Any)]
    [InlineData("", "nonsense", "PreferClose", TrafficDistribution.Any)]
    [InlineData("trafficDistribution: PreferSameNode", "PreferClose", "PreferClose", TrafficDistribution.PreferSameNode)]
    [InlineData("", "PreferClose", null, TrafficDistribution.PreferSameZone)]
    public void The_distribution_is_the_specs_then_the_annotations_then_the_namespaces(
        string spec, string? onService, string? onNamespace, TrafficDistribution expected)
    {
        string service = Annotated(Service("web", "10.96.0.1", spec: spec), onService), @namespace = Annotated(Namespace("default", null), onNamespace);

        Assert.Equal(expected, Assert.Single(new World(service, @namespace).Mesh.Services).Distribution);
        Assert.Equal(expected, Assert.Single(new World(@namespace, service).Mesh.Services).Distribution);
    }

    [Fact]
    public void A_services_distribution_follows_its_namespace()
    {
        var world = new World(Service("web", "10.96.0.1"), Service("other", "10.96.0.2", @namespace: "shop"));
        string annotated = Annotated(Namespace("default", null), "PreferClose");

        world.Put(annotated);
        Assert.Equal(TrafficDistribution.PreferSameZone, world.Mesh.ServiceByName(new ServiceName("default", "web"))!.Distribution);
        Assert.Equal(TrafficDistribution.Any, world.Mesh.ServiceByName(new ServiceName("shop", "other"))!.Distribution);

        world.Remove(annotated);
        Assert.Equal(TrafficDistribution.Any, world.Mesh.ServiceByName(new ServiceName("default", "web"))!.Distribution);
    }

    [Fact]
    public void A_node_is_where_its_labels_say_and_ready_when_its_condition_says()
    {
        var world = new World(Node("bare", ""), Node("placed", "conditions: [{type: DiskPressure, status: \"False\"}, {type: Ready, status: \"True\"}]"));

        Assert.Equal(new Node { Name = "bare", Region = "r1", Zone = "z1" }, world.Mesh.Nodes.Single(node => node.Name == "bare"));
        Assert.True(world.Mesh.Nodes.Single(node => node.Name == "placed").Ready);

        world.Put(Node("placed", "conditions: [{type: Ready, status: Unknown}]"));
        Assert.False(world.Mesh.Nodes.Single(node => node.Name == "placed").Ready);

        world.Remove(Node("placed", ""));
        Assert.Equal("bare", Assert.Single(world.Mesh.Nodes).Name);
    }

    [Theory]
    [InlineData("", true, false)]
    [InlineData("conditions: {ready: false}", false, false)]
    [InlineData("conditions: {ready: false, serving: true, terminating: true}", false, true)]
    [InlineData("conditions: {ready: false, serving: false, terminating: true}", false, false)]
    [InlineData("conditions: {ready: true, serving: true, terminating: true}", true, true)]
    [InlineData("conditions: {ready: true, terminating: false}", true, false)]
    public void An_endpoints_conditions_are_the_slices(string conditions, bool ready, bool terminating)
    {
        var world = new World(Service("web", "10.96.0.1"), SliceOf("web-1", "web", 8080, $"{{addresses: [192.0.2.1], nodeName: node-b, zone: z7, {conditions}}}"));

        Endpoint endpoint = Assert.Single(world.Mesh.EndpointsOf(new ServiceName("default", "web")));

        Assert.Equal((ready, terminating, "node-b", "z7"), (endpoint.Ready, endpoint.Terminating, endpoint.Node, endpoint.Zone));
    }

    [Theory]
    [InlineData("", "", true, false)]
    [InlineData("deletionTimestamp: 2026-01-01T00:00:00Z", "", false, true)]
    [InlineData("deletionTimestamp: 2026-01-01T00:00:00Z", "conditions: [{type: Ready, status: \"False\"}]", false, false)]
    [InlineData("", "conditions: [{type: Ready, status: \"False\"}]", false, false)]
    public void A_pod_that_is_being_deleted_is_an_endpoint_that_is_ending(string metadata, string status, bool ready, bool terminating)
    {
        var world = new World(Service("web", "10.96.0.1"), Pod("a", "10.0.0.1", metadata: metadata, status: status));

        Endpoint endpoint = Assert.Single(world.Mesh.EndpointsOf(new ServiceName("default", "web")));

        Assert.Equal((ready, terminating, "node-a"), (endpoint.Ready, endpoint.Terminating, endpoint.Node));
    }

    private static string Annotated(string manifest, string? distribution) =>
        distribution is null ? manifest : manifest.Replace("metadata: {", $"metadata: {{annotations: {{{Annotation}: {distribution}}}, ", StringComparison.Ordinal);

    private static string Node(string name, string status) => $$"""
        apiVersion: v1
        kind: Node
        metadata: {name: {{name}}, labels: {topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: z1} }
        status: { {{status}} }

        """;
}

using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What a Gateway's status says in a cluster of where it is (istio/istio, the gateway controller's conditions).</summary>
public sealed class ClusterAddressTests
{
    private const string Host = "g-istio.infra.svc.cluster.local";

    private static readonly string Plain = Gateway("g", [Listener("http"), Listener("other", 8080)]);

    [Fact]
    public void A_gateway_comes_up_step_by_step()
    {
        World world = InCluster(Plain);
        AssertStatus(world, "AddressNotUsable", $"Failed to assign to any requested addresses: hostname \"{Host}\" not found");

        world.Put(Made("ClusterIP"));
        AssertStatus(world, "AddressNotAssigned", $"Failed to assign to any requested addresses: no instances found for hostname \"{Host}\"");

        world.Put(Endpoints(ready: false));
        AssertStatus(world, "AddressNotAssigned", $"Failed to assign to any requested addresses: no instances found for hostname \"{Host}\"");

        world.Put(Endpoints(ready: true));
        AssertStatus(world, "Programmed", $"Resource programmed, assigned to service(s) {Host}:80 and {Host}:8080", $"Hostname {Host}");

        world.Put(Made("ClusterIP", ports: "{name: http, port: 80}"));
        AssertStatus(
            world,
            "AddressNotUsable",
            $"Assigned to service(s) {Host}:80, but failed to assign to all requested addresses: port 8080 not found for hostname \"{Host}\"",
            $"Hostname {Host}");
    }

    [Fact]
    public void What_is_balanced_from_outside_is_there_when_the_balancer_is()
    {
        World world = InCluster(Plain, Made("LoadBalancer"), Endpoints(ready: true));
        AssertStatus(
            world,
            "AddressNotAssigned",
            $"Assigned to service(s) {Host}:80 and {Host}:8080, but failed to assign to all requested addresses: address pending for hostname \"{Host}\"");

        world.Put(Made("LoadBalancer", "status: {loadBalancer: {ingress: [{ip: 203.0.113.7}, {hostname: lb.example.com}]}}"));
        AssertStatus(
            world, "Programmed", $"Resource programmed, assigned to service(s) {Host}:80 and {Host}:8080", "IPAddress 203.0.113.7", "Hostname lb.example.com");
    }

    [Fact]
    public void A_waypoint_has_the_address_and_the_name_of_its_service()
    {
        World world = InCluster(
            Gateway("w", ["name: mesh, port: 15008, protocol: HBONE"], @class: "istio-waypoint"),
            Service("w", "ClusterIP", "{name: mesh, port: 15008}", ""),
            Slice("w", "{name: mesh, port: 15008}", ready: true));
        GatewayApiStatus status = world.Status(ObjectKind.Gateway, "w")!;
        Assert.Equal("IPAddress 10.96.0.9, Hostname w.infra.svc.cluster.local", string.Join(", ", status.Addresses.Select(address => $"{address.Type} {address.Value}")));
    }

    [Theory]
    [InlineData("IPAddress", "IPAddress 10.96.0.9")]
    [InlineData("Hostname", "Hostname " + Host)]
    public void Which_address_is_reported_may_be_given(string type, string expected)
    {
        World world = InCluster(
            Gateway("g", [Listener("http"), Listener("other", 8080)], metadata: $"annotations: {{networking.istio.io/address-type: {type}}}"), Made("ClusterIP"), Endpoints(ready: true));
        Assert.Equal(expected, string.Join(", ", world.Status(ObjectKind.Gateway, "g")!.Addresses.Select(address => $"{address.Type} {address.Value}")));
    }

    [Fact]
    public void An_address_once_reported_stays_while_there_is_no_instance()
    {
        string reported = Plain + $"status: {{addresses: [{{type: Hostname, value: {Host}}}]}}\n";
        World world = InCluster(reported, Made("ClusterIP"), Endpoints(ready: false));
        AssertStatus(
            world, "AddressNotAssigned", $"Failed to assign to any requested addresses: no instances found for hostname \"{Host}\"", $"Hostname {Host}");
    }

    [Fact]
    public void A_gateway_at_a_service_that_was_there_before_has_its_addresses()
    {
        World world = InCluster(
            Gateway("g", [Listener("http")], spec: "addresses: [{type: Hostname, value: front}]"),
            Service("front", "LoadBalancer", "{name: http, port: 80}", "status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}"),
            Slice("front", "{name: http, port: 80}", ready: true));
        AssertStatus(world, "Programmed", "Resource programmed, assigned to service(s) front.infra.svc.cluster.local:80", "IPAddress 203.0.113.7");
    }

    private static World InCluster(params string[] documents) => new(new TranslatorOptions { DeriveEndpoints = false, InCluster = true }, documents);

    private static void AssertStatus(World world, string reason, string message, params string[] addresses)
    {
        GatewayApiStatus status = world.Status(ObjectKind.Gateway, "g")!;
        StatusCondition programmed = status.Conditions.Single(condition => condition.Type == "Programmed");
        Assert.Equal((reason == "Programmed", reason, message), (programmed.Status, programmed.Reason, programmed.Message));
        Assert.Equal(string.Join(", ", addresses), string.Join(", ", status.Addresses.Select(address => $"{address.Type} {address.Value}")));
    }

    private static string Made(string type, string status = "", string ports = "{name: http, port: 80}, {name: other, port: 8080}") => Service("g-istio", type, ports, status);

    private static string Endpoints(bool ready) => Slice("g-istio", "{name: http, port: 80}, {name: other, port: 8080}", ready);

    private static string Service(string name, string type, string ports, string status) => $$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{name}}, namespace: infra}
        spec: {type: {{type}}, clusterIP: 10.96.0.9, ports: [{{ports}}]}
        {{status}}

        """;

    private static string Slice(string service, string ports, bool ready) => $$"""
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: {{service}}-x, namespace: infra, labels: {kubernetes.io/service-name: {{service}} } }
        addressType: IPv4
        ports: [{{ports}}]
        endpoints: [{addresses: [10.0.0.5], conditions: {ready: {{(ready ? "true" : "false")}} } }]

        """;
}

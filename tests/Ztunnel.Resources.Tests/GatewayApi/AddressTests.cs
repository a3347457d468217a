using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Where Gateways are, and whose pods serve them.</summary>
public sealed class AddressTests
{
    private const string Hostname = "{type: Hostname, value: istio-ingressgateway.infra.svc.cluster.local}";

    private static readonly string Ingress = Manifests.Service("istio-ingressgateway", "10.96.0.5", app: "gw", @namespace: "infra");
    private static readonly string IngressPod = Manifests.Pod("gw-1", "10.0.0.5", app: "gw", @namespace: "infra");

    [Theory]
    [InlineData(Hostname, "Accepted=True/Accepted Programmed=True/Programmed", "istio-ingressgateway.infra.svc.cluster.local", "istio-ingressgateway")]
    [InlineData("{type: Hostname, value: istio-ingressgateway}", "Accepted=True/Accepted Programmed=True/Programmed", "istio-ingressgateway", "istio-ingressgateway")]
    [InlineData("{value: 10.96.0.5}", "Accepted=True/Accepted Programmed=True/Programmed", "10.96.0.5", "istio-ingressgateway")]
    [InlineData("{type: Hostname, value: foo}", "Accepted=True/Accepted Programmed=False/AddressNotUsable", "", "foo")]
    [InlineData("{type: Hostname, value: lb.example.com}", "Accepted=True/Accepted Programmed=False/AddressNotUsable", "", null)]
    [InlineData("{type: Hostname, value: istio-ingressgateway.other.svc.cluster.local}", "Accepted=True/Accepted Programmed=False/AddressNotUsable", "", null)]
    [InlineData("{value: 192.0.2.1}", "Accepted=True/Accepted Programmed=False/AddressNotUsable", "", null)]
    [InlineData("{type: test/fake-invalid-type, value: x}, {type: Hostname, value: foo}, " + Hostname, "Accepted=False/UnsupportedAddress Programmed=False/Invalid", "istio-ingressgateway.infra.svc.cluster.local", "foo istio-ingressgateway")]
    [InlineData("{type: Hostname, value: foo}, " + Hostname, "Accepted=True/Accepted Programmed=False/AddressNotUsable", "istio-ingressgateway.infra.svc.cluster.local", "foo istio-ingressgateway")]
    public void A_gateway_is_bound_to_the_service_its_address_names(string addresses, string conditions, string assigned, string? services)
    {
        var world = new World(Ingress, IngressPod, Gateway("g", [Listener("http")], spec: $"addresses: [{addresses}]"));
        HttpGateway? served = world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"));

        Assert.Equal(conditions, world.Conditions(ObjectKind.Gateway, "g"));
        Assert.Equal(assigned, string.Join(' ', world.Status(ObjectKind.Gateway, "g")!.Addresses.Select(address => address.Value)));
        Assert.Equal(services, served is null ? null : string.Join(' ', served.Services.Select(service => service.Name)));
        Assert.Equal(services?.EndsWith("istio-ingressgateway", StringComparison.Ordinal) == true ? 1 : 0, world.Mesh.HttpGatewaysOf(world.Workload("gw-1")).Length);
    }

    [Fact]
    public void Several_gateways_on_one_deployment_are_served_together()
    {
        var world = new World(Gateway("plain", [Listener("http", 80, "*.aliyun.com")], spec: $"addresses: [{Hostname}]"), Gateway("second", [Listener("other", 8080)], spec: $"addresses: [{Hostname}]"), IngressPod);
        Assert.Equal("Accepted=True/Accepted Programmed=False/AddressNotUsable", world.Conditions(ObjectKind.Gateway, "plain"));

        world.Put(Ingress);
        Assert.Equal("plain second", string.Join(' ', world.Mesh.HttpGatewaysOf(world.Workload("gw-1")).Select(gateway => gateway.Name.Name)));
        Assert.Equal("80 8080", string.Join(' ', HttpPort.Of(world.Mesh.HttpGatewaysOf(world.Workload("gw-1"))).Select(port => port.Number)));
        Assert.Equal("Accepted=True/Accepted Programmed=True/Programmed", world.Conditions(ObjectKind.Gateway, "plain"));
        // The service has port 80 only.
        Assert.Equal("Accepted=True/Accepted Programmed=False/AddressNotUsable", world.Conditions(ObjectKind.Gateway, "second"));
    }

    [Theory]
    [InlineData("", false, "Programmed=False/AddressNotAssigned", "")]
    [InlineData("", true, "Programmed=True/Programmed", "10.0.0.9")]
    [InlineData("g", false, "Programmed=True/Programmed", "10.96.0.9")]
    [InlineData("g-istio", true, "Programmed=True/Programmed", "10.96.0.9")]
    [InlineData("other", false, "Programmed=False/AddressNotAssigned", "")]
    public void A_plain_gateway_is_at_its_service_or_at_its_pods(string service, bool pod, string programmed, string assigned)
    {
        foreach (string addresses in new[] { "", "{type: IPAddress}" })
        {
            var world = new World(Gateway("g", [Listener("http")], spec: $"addresses: [{addresses}]"));
            if (service.Length > 0)
                world.Put(Manifests.Service(service, "10.96.0.9", @namespace: "infra"));
            if (pod)
                world.Put(Manifests.Pod("g-1", "10.0.0.9", @namespace: "infra", labels: "gateway.networking.k8s.io/gateway-name: g"));

            Assert.Equal($"Accepted=True/Accepted {programmed}", world.Conditions(ObjectKind.Gateway, "g"));
            Assert.Equal(assigned, string.Join(' ', world.Status(ObjectKind.Gateway, "g")!.Addresses.Select(address => address.Value)));
            if (pod)
                Assert.Equal("g", Assert.Single(world.Mesh.HttpGatewaysOf(world.Workload("g-1"))).Name.Name);
        }
    }
}

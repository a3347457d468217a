using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

/// <summary>What of gateways and routes the model gives to whom.</summary>
public sealed class HttpStateTests
{
    private static readonly ServiceName Ingress = new("default", "istio-ingressgateway");
    private static readonly ServicePort Web = new("http", 80, 8080);

    [Fact]
    public void A_pod_serves_the_gateway_it_is_labelled_with_and_those_bound_to_its_service()
    {
        Workload labelled = Pod("gw-1", "10.0.0.1") with { Gateway = new GatewayName("default", "plain") };
        Workload endpoint = Pod("gw-2", "10.0.0.2");
        MeshState mesh = State(labelled, endpoint, Service(Ingress.Name, ["10.96.0.1"], Web), Endpoints(Ingress.Name, "s", [new EndpointPort("http", 8080)], At("10.0.0.2", "gw-2")));
        mesh.Put(Gateway("plain"));
        mesh.Put(Gateway("bound", Ingress));
        mesh.Put(Gateway("bound-too", Ingress));

        Assert.Equal("plain", string.Join(' ', mesh.HttpGatewaysOf(labelled).Select(gateway => gateway.Name.Name)));
        Assert.Equal("bound bound-too", string.Join(' ', mesh.HttpGatewaysOf(endpoint).Select(gateway => gateway.Name.Name)));
        Assert.Empty(mesh.HttpGatewaysOf(Client));

        mesh.Put(Gateway("plain", Ingress));
        mesh.RemoveHttpGateway(new GatewayName("default", "bound"));

        Assert.Empty(mesh.HttpGatewaysOf(labelled));
        Assert.Equal("bound-too plain", string.Join(' ', mesh.HttpGatewaysOf(endpoint).Select(gateway => gateway.Name.Name)));
    }

    [Fact]
    public void Behind_a_service_a_pod_is_reached_at_the_target_port()
    {
        Workload pod = Pod("gw-1", "10.0.0.1") with { Gateway = new GatewayName("default", "plain") };
        MeshState mesh = State(pod, Service(Ingress.Name, ["10.96.0.1"], Web), Endpoints(Ingress.Name, "s", [new EndpointPort("http", 8080)], At("10.0.0.1", "gw-1")));
        mesh.Put(Gateway("bound", Ingress) with { Listeners = [Listener(80), Listener(443)] });
        Assert.Equal("8080", string.Join(' ', mesh.PodPorts(pod, 80)));
        Assert.Equal("443", string.Join(' ', mesh.PodPorts(pod, 443)));
        Assert.Empty(mesh.PodPorts(pod, 8080));

        mesh.Put(Gateway("plain") with { Listeners = [Listener(80)] });
        Assert.Equal("80 8080", string.Join(' ', mesh.PodPorts(pod, 80).Order()));
    }

    [Fact]
    public void Observers_hear_of_every_gateway_and_of_other_pods_behind_it()
    {
        MeshState mesh = State(Service(Ingress.Name, ["10.96.0.1"], Web));
        HttpGateway bound = Gateway("bound", Ingress);
        mesh.Put(bound);
        var heard = new List<HttpGatewayChange>();
        IDisposable observation = mesh.ObserveHttpGateways(heard.Add);

        mesh.Put(Gateway("bound", Ingress));
        mesh.Put(Endpoints(Ingress.Name, "s", [new EndpointPort("http", 8080)], At("10.0.0.2", "gw-2")));
        mesh.RemoveHttpGateway(bound.Name);
        observation.Dispose();
        mesh.Put(bound);

        Assert.Equal([new HttpGatewayChange(null, bound), new HttpGatewayChange(bound, bound), new HttpGatewayChange(bound, null)], heard);
    }

    [Theory]
    [InlineData(80, "default", "producer")]
    [InlineData(80, "elsewhere", "producer")]
    [InlineData(80, "consumer", "consumer")]
    [InlineData(8080, "consumer", null)]
    [InlineData(9090, "consumer", "consumer")]
    [InlineData(9090, "elsewhere", null)]
    public void A_clients_own_namespace_has_routes_before_the_services(int port, string client, string? expected)
    {
        var mesh = new MeshState();
        mesh.Put(new ServiceRoutes
        {
            Service = Ingress,
            Groups =
            [
                new ServiceRouteGroup(80, "consumer", Routes.Table("consumer /")),
                new ServiceRouteGroup(80, "default", Routes.Table("producer /")),
                new ServiceRouteGroup(9090, "consumer", Routes.Table("consumer /")),
            ],
        });

        Assert.Equal(expected, mesh.RoutesFor(Ingress, (ushort)port, client)?.For("GET a.io/"));

        mesh.Put(new ServiceRoutes { Service = Ingress });
        Assert.Null(mesh.RoutesFor(Ingress, (ushort)port, client));
    }

    [Fact]
    public void A_service_is_found_by_its_hostname()
    {
        MeshState mesh = State(Service("web", ["10.96.0.2"], Web));

        Assert.Equal("web", mesh.ServiceByHostname("Web.default.svc.cluster.local")?.Name.Name);
        Assert.Null(mesh.ServiceByHostname("other.default.svc.cluster.local"));

        mesh.RemoveService(new ServiceName("default", "web"));
        Assert.Null(mesh.ServiceByHostname("web.default.svc.cluster.local"));
    }

    private static HttpGateway Gateway(string name, params ServiceName[] services) => new() { Name = new GatewayName("default", name), Services = [.. services] };

    private static HttpListener Listener(ushort port) => new() { Gateway = new GatewayName("default", "g"), Name = $"p{port}", Port = port };
}

using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Routes whose parent is a Service (GEP-1294, GEP-1324).</summary>
public sealed class ServiceRouteTests
{
    private static readonly ServiceName Web = new("infra", "web");

    private static readonly string[] Basics =
    [
        """
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: infra}
        spec: {clusterIP: 10.96.0.1, ports: [{name: http, port: 80}, {name: alt, port: 8080}, {name: dns, port: 53, protocol: UDP}]}
        """,
        Manifests.Service("v1", "10.96.0.2", @namespace: "infra"),
        Manifests.Service("v1", "10.96.0.3", @namespace: "consumer"),
        Manifests.Service("named", "None", @namespace: "infra", spec: "type: ExternalName"),
    ];

    [Theory]
    [InlineData("name: web", true, true, "Accepted ResolvedRefs")]
    [InlineData("name: web, port: 80", true, false, "Accepted ResolvedRefs")]
    [InlineData("name: web, port: 8080", false, true, "Accepted ResolvedRefs")]
    [InlineData("name: web, sectionName: alt", false, true, "Accepted ResolvedRefs")]
    [InlineData("name: web, port: 80, sectionName: alt", false, false, "Accepted=False/NoMatchingParent ResolvedRefs")]
    [InlineData("name: web, port: 53", false, false, "Accepted=False/NoMatchingParent ResolvedRefs")]
    [InlineData("name: missing", false, false, "Accepted=False/NoMatchingParent ResolvedRefs")]
    [InlineData("name: named", false, false, "Accepted=False/NoMatchingParent ResolvedRefs")]
    public void A_route_binds_to_the_ports_it_names(string parent, bool http, bool alt, string status)
    {
        var world = new World([.. Basics, Route("r", $"{{group: \"\", kind: Service, {parent}}}", "{backendRefs: [{name: v1, port: 80, weight: 90}]}", hostnames: "ignored.com")]);

        Assert.Equal(http ? "r -> infra/v1:80 90" : null, world.Mesh.RoutesFor(Web, 80, "anywhere")?.Ask("web"));
        Assert.Equal(alt ? "r -> infra/v1:80 90" : null, world.Mesh.RoutesFor(Web, 8080, "anywhere")?.Ask("web"));
        Assert.Equal(status, world.Parents("r"));
    }

    [Fact]
    public void What_no_route_is_for_is_answered_with_404_once_there_is_one()
    {
        string route = Route("r", "{group: \"\", kind: Service, name: web}", "{matches: [{path: {value: /status} }, {path: {value: /headers} }], backendRefs: [{name: web, port: 80}]}");
        var world = new World([.. Basics]);
        Assert.Null(world.Mesh.RoutesFor(Web, 80, "infra"));

        world.Put(route);
        Assert.Equal("r -> infra/web:80", world.Mesh.RoutesFor(Web, 80, "infra")!.Ask("web", "/status/418"));
        Assert.Null(world.Mesh.RoutesFor(Web, 80, "infra")!.Ask("web", "/get"));

        world.Remove(route);
        Assert.Null(world.Mesh.RoutesFor(Web, 80, "infra"));
    }

    [Fact]
    public void A_consumers_routes_hold_for_its_own_namespace_and_need_no_grant()
    {
        const string Parent = "{group: \"\", kind: Service, name: web, namespace: infra}";
        var world = new World([
            .. Basics,
            Route("producer", Parent, "{matches: [{path: {value: /p} }], backendRefs: [{name: v1, port: 80}]}"),
            Route("consumer", Parent, "{matches: [{path: {value: /c} }], backendRefs: [{name: v1, namespace: infra, port: 80}]}", @namespace: "consumer"),
        ]);

        Assert.Equal("consumer -> infra/v1:80", Ask("consumer", "/c"));
        Assert.Null(Ask("consumer", "/p"));
        Assert.Equal("producer -> infra/v1:80", Ask("other", "/p"));
        Assert.Null(Ask("other", "/c"));
        Assert.Equal("Accepted ResolvedRefs", world.Parents("consumer", @namespace: "consumer"));

        string? Ask(string client, string path) => world.Mesh.RoutesFor(Web, 80, client)!.Ask("web", path);
    }

    [Fact]
    public void One_route_may_have_a_gateway_and_a_service_as_parents_and_the_grant_is_the_gateways_matter()
    {
        var world = new World([
            .. Basics,
            Gateway("g", [Open("http")]),
            Route("r", "{name: g, namespace: infra}, {group: \"\", kind: Service, name: v1}", "{backendRefs: [{name: v1, namespace: infra, port: 80}]}", @namespace: "consumer"),
        ]);

        Assert.Equal("r -> 500", world.Ask("g", "a.com"));
        Assert.Equal("r -> infra/v1:80", world.Mesh.RoutesFor(new ServiceName("consumer", "v1"), 80, "x")?.Ask("v1"));
        Assert.Equal("Accepted ResolvedRefs=False/RefNotPermitted; Accepted ResolvedRefs", world.Parents("r", @namespace: "consumer"));
    }

    [Theory]
    [InlineData("TLSRoute")]
    [InlineData("TCPRoute")]
    public void A_route_of_connections_takes_no_requests_from_a_service(string kind)
    {
        var world = new World([.. Basics, $$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: {{kind}}
            metadata: {name: r, namespace: infra}
            spec: {parentRefs: [{kind: Service, group: "", name: web}], rules: [{backendRefs: [{name: v1, port: 80}]}]}
            """]);

        Assert.Equal("Accepted=False/UnsupportedValue ResolvedRefs", world.Parents("r", kind == "TLSRoute" ? ObjectKind.TlsRoute : ObjectKind.TcpRoute));
        Assert.Null(world.Mesh.RoutesFor(Web, 80, "infra"));
    }

    [Fact]
    public void A_grpc_route_goes_before_http_routes_on_its_ports()
    {
        const string Parent = "group: \"\", kind: Service, name: web";
        var world = new World([.. Basics, Route("h", $"{{{Parent}}}", "{backendRefs: [{name: v1, port: 80}]}"), GrpcRoute("g", $"{{{Parent}, port: 80}}", "{backendRefs: [{name: v1, port: 80}]}")]);

        Assert.Null(world.Mesh.RoutesFor(Web, 80, "x")!.Ask("web", "/plain"));
        Assert.Equal("g -> infra/v1:80", world.Mesh.RoutesFor(Web, 80, "x")!.Ask("web", "/pkg.Echo/Say"));
        Assert.Equal("h -> infra/v1:80", world.Mesh.RoutesFor(Web, 8080, "x")!.Ask("web", "/plain"));
        Assert.Equal("Accepted ResolvedRefs", world.Parents("h"));

        world.Put(GrpcRoute("g", $"{{{Parent}}}", "{backendRefs: [{name: v1, port: 80}]}"));
        Assert.Equal("Accepted=False/Conflicted ResolvedRefs", world.Parents("h"));
    }
}

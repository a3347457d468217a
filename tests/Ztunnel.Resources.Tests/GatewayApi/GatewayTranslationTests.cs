using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Waypoints from manifests: which Gateways are one, where they are, and who is bound to them.</summary>
public sealed class GatewayTranslationTests
{
    private static readonly string[] Basics =
    [
        Namespace("default", "ambient"),
        Pod("server", "10.0.0.1"),
        Service("web", "10.96.0.1"),
        WaypointPod("waypoint-1", "10.0.0.9"),
        WaypointService("waypoint", "10.96.0.9"),
    ];

    [Theory]
    [InlineData("istio-waypoint", "HBONE", null, true)]
    [InlineData("istio-waypoint", "HTTP", null, true)]
    [InlineData("istio", "HBONE", null, true)]
    [InlineData("istio", "HTTP", null, false)]
    [InlineData("istio-east-west", "HBONE", null, false)]
    [InlineData("mine", "HTTP", "istio.io/mesh-controller", true)]
    [InlineData("mine", "HTTP", "istio.io/gateway-controller", false)]
    [InlineData("mine", "HBONE", "example.com/other", true)]
    [InlineData("mine", "HBONE", "istio.io/eastwest-controller", false)]
    [InlineData("istio-waypoint", "HTTP", "example.com/other", false)]
    public void A_gateway_is_a_waypoint_by_its_class_or_by_speaking_hbone(string @class, string protocol, string? controller, bool waypoint)
    {
        var world = new World([.. Basics, Service("web", "10.96.0.1", metadata: "labels: {istio.io/use-waypoint: waypoint}"), Gateway(@class: @class, protocol: protocol)]);
        if (controller is not null)
            world.Put(Class(@class, controller));

        Assert.Equal(waypoint ? "waypoint 10.96.0.1:80" : "deny WaypointMissing", world.Way("10.96.0.1:80"));

        if (controller is not null)
        {
            world.Remove(Class(@class, controller));
            world.Put(Class(@class, "istio.io/mesh-controller"));
            Assert.Equal("waypoint 10.96.0.1:80", world.Way("10.96.0.1:80"));
        }
    }

    [Theory]
    [InlineData(null, null, "service")]
    [InlineData("workload", null, "workload")]
    [InlineData("all", null, "service workload")]
    [InlineData("none", null, "")]
    [InlineData(null, "workload", "workload")]
    [InlineData("service", "workload", "service")]
    [InlineData("everything", null, "")]
    public void What_a_waypoint_is_for_is_said_by_its_label_or_its_classs(string? own, string? ofClass, string expected)
    {
        var world = new World([.. Basics, Gateway(labels: own is null ? "" : $"istio.io/waypoint-for: {own}")]);
        if (ofClass is not null)
            world.Put(Class("istio-waypoint", "istio.io/mesh-controller", $"istio.io/waypoint-for: {ofClass}"));
        world.Put(Pod("server", "10.0.0.1", labels: "istio.io/use-waypoint: waypoint"), Service("web", "10.96.0.1", metadata: "labels: {istio.io/use-waypoint: waypoint}"));

        bool service = world.Way("10.96.0.1:80").StartsWith("waypoint", StringComparison.Ordinal);
        bool workload = world.Way("10.0.0.1:80").StartsWith("waypoint", StringComparison.Ordinal);

        Assert.Equal(expected, string.Join(' ', new[] { service ? "service" : "", workload ? "workload" : "" }.Where(word => word.Length > 0)));
        string[] problems = own is "everything"
            ? ["x.yaml:1: Gateway default/waypoint: metadata.labels[istio.io/waypoint-for]: expected service, workload, all or none, got everything; taken for none"]
            : [];
        Assert.Equal(problems, world.Problems);
    }

    [Theory]
    [InlineData("", "", "waypoint")]
    [InlineData("{type: Hostname, value: other.default.svc.cluster.local}", "", "other")]
    [InlineData("{type: Hostname, value: other.default.svc}", "", "other")]
    [InlineData("{type: Hostname, value: other}", "", "other")]
    [InlineData("{value: 10.96.0.8}", "", "other")]
    [InlineData("{value: 10.0.0.8}", "", "other")]
    [InlineData("{value: 10.96.0.9}, {type: Hostname, value: other}", "", "other")]
    [InlineData("{type: Hostname, value: other.default.svc.example}", "", null)]
    [InlineData("{type: Hostname, value: other.infra.svc.cluster.local}", "", null)]
    [InlineData("{type: Hostname, value: lb.example.com}", "", null)]
    [InlineData("{type: example.com/x, value: other}", "", "waypoint")]
    [InlineData("", "gateway.istio.io/name-override: other", "other")]
    public void A_waypoint_is_reached_at_its_address_or_behind_the_service_of_its_name(string addresses, string annotations, string? reached)
    {
        var world = new World([
            .. Basics,
            WaypointPod("other-1", "10.0.0.8", role: "other"),
            WaypointService("other", "10.96.0.8", role: "other"),
            Service("web", "10.96.0.1", metadata: "labels: {istio.io/use-waypoint: waypoint}"),
            Gateway(addresses: addresses, annotations: annotations),
        ]);

        string actual = world.Decide("10.96.0.1:80") switch
        {
            Ztunnel.Mesh.Route.Tunnel tunnel => tunnel.Destination.Name,
            Ztunnel.Mesh.Route.Deny deny => deny.Detail,
            var other => other.ToString(),
        };

        Assert.StartsWith(reached is null ? "Service default/web is bound to waypoint default/waypoint: its address" : $"{reached}-1", actual, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("15008", "HBONE", true)]
    [InlineData("15009", "HBONE", false)]
    [InlineData("15008", "HTTP", false)]
    public void Only_the_hbone_listener_at_its_port_says_who_may_attach(string port, string protocol, bool admitted)
    {
        var world = new World([
            .. Basics,
            Namespace("other", "ambient"),
            Gateway(port: port, protocol: protocol, allowed: "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}}"),
            Service("far", "10.96.0.2", @namespace: "other", metadata: "labels: {istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: default}"),
        ]);

        Assert.Equal(admitted ? "waypoint 10.96.0.2:80" : "deny WaypointMissing", world.Way("10.96.0.2:80"));
    }

    [Fact]
    public void A_namespaces_label_binds_what_is_in_it_and_costs_only_that()
    {
        var world = new World([.. Basics, Gateway(labels: "istio.io/waypoint-for: all")]);
        for (int i = 0; i < 200; i++)
            world.Put(Service($"far-{i}", $"10.97.0.{i}", @namespace: "bank"), Pod($"far-{i}", $"10.1.0.{i}", @namespace: "bank"));
        long before = world.Mesh.EntriesWritten;

        world.Put(Labelled("default", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint"));

        Assert.Equal(("waypoint 10.96.0.1:80", "waypoint 10.0.0.1:80"), (world.Way("10.96.0.1:80"), world.Way("10.0.0.1:80")));
        Assert.InRange(world.Mesh.EntriesWritten - before, 1, 20);

        world.Put(Labelled("default", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: none"));
        Assert.Equal(("tunnel 10.0.0.1:8080", "tunnel 10.0.0.1:80"), (world.Way("10.96.0.1:80"), world.Way("10.0.0.1:80")));

        world.Put(Labelled("default", "istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint"));
        world.Remove(Labelled("default", ""));
        Assert.Equal("tunnel 10.0.0.1:8080", world.Put(Pod("server", "10.0.0.1", labels: "istio.io/dataplane-mode: ambient")).Way("10.96.0.1:80"));
    }

    [Theory]
    [InlineData("annotations: {istio.io/for-service-account: server}")]
    [InlineData("labels: {istio.io/for-service-account: server}")]
    public void A_gateway_for_a_service_account_takes_its_workloads_without_labels(string metadata)
    {
        // As often, it has the name of the application, whose service is not the way to it.
        var world = new World([
            .. Basics,
            WaypointService("waypoint-istio-waypoint", "10.96.0.8"),
            Service("waypoint", "10.96.0.9"),
            Gateway().Replace("metadata: {", $"metadata: {{{metadata}, ", StringComparison.Ordinal).Replace(", labels: {}, annotations: {}", "", StringComparison.Ordinal),
        ]);

        Assert.Equal(("waypoint 10.96.0.1:80", "waypoint 10.0.0.1:80"), (world.Way("10.96.0.1:80"), world.Way("10.0.0.1:80")));
    }

    [Fact]
    public void A_gateway_that_is_removed_or_changes_its_class_is_followed()
    {
        string gateway = Gateway();
        var world = new World([.. Basics, Service("web", "10.96.0.1", metadata: "labels: {istio.io/use-waypoint: waypoint}"), gateway]);
        Assert.Equal("waypoint 10.96.0.1:80", world.Way("10.96.0.1:80"));

        world.Put(Gateway(@class: "nginx", protocol: "HTTP"));
        Assert.Equal("deny WaypointMissing", world.Way("10.96.0.1:80"));
        world.Put(Class("istio-waypoint", "example.com/elsewhere"), Class("nginx", "istio.io/mesh-controller"));
        Assert.Equal("waypoint 10.96.0.1:80", world.Way("10.96.0.1:80"));

        world.Remove(gateway);
        Assert.Equal("deny WaypointMissing", world.Way("10.96.0.1:80"));
    }

    [Fact]
    public void Ingress_gateways_and_the_services_that_want_them_to_use_the_waypoint_are_known()
    {
        var world = new World([
            .. Basics,
            Gateway(),
            Gateway(name: "edge", @class: "istio", protocol: "HTTP"),
            Pod("edge-1", "10.0.0.7", app: "edge", labels: "gateway.networking.k8s.io/gateway-name: edge"),
            Service("web", "10.96.0.1", metadata: "labels: {istio.io/use-waypoint: waypoint}"),
            Service("deep", "10.96.0.2", metadata: "labels: {istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: \"true\"}"),
        ]);
        Workload edge = world.Workload("edge-1");

        Assert.Equal(("tunnel 10.0.0.1:8080", "waypoint 10.96.0.2:80"), (world.Way("10.96.0.1:80", edge), world.Way("10.96.0.2:80", edge)));
    }

    private static string Gateway(
        string name = "waypoint",
        string @class = "istio-waypoint",
        string protocol = "HBONE",
        string port = "15008",
        string labels = "",
        string annotations = "",
        string addresses = "",
        string allowed = "{}") => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: {{name}}, labels: { {{labels}} }, annotations: { {{annotations}} } }
        spec: {gatewayClassName: {{@class}}, listeners: [{name: mesh, port: {{port}}, protocol: {{protocol}}, allowedRoutes: {namespaces: {{allowed}} } }] }
        status: {addresses: [{{addresses}}] }

        """.Replace("{  }", "{}", StringComparison.Ordinal);

    private static string Class(string name, string controller, string labels = "") => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: GatewayClass
        metadata: {name: {{name}}, labels: { {{labels}} } }
        spec: {controllerName: {{controller}} }

        """;

    private static string Labelled(string @namespace, string labels) => $$"""
        apiVersion: v1
        kind: Namespace
        metadata: {name: {{@namespace}}, labels: { {{labels}} } }

        """;

    private static string WaypointPod(string name, string ip, string role = "waypoint") => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, labels: {role: {{role}}, istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: waypoint} }
        spec: {serviceAccountName: waypoint}
        status: {podIP: {{ip}} }

        """;

    private static string WaypointService(string name, string ip, string role = "waypoint") => $$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{name}} }
        spec: {clusterIP: {{ip}}, selector: {role: {{role}} }, ports: [{port: 15008, name: mesh}] }

        """;
}

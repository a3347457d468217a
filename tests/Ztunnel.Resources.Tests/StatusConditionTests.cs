using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Istio's conditions of policies, and of what asks for waypoints.</summary>
public sealed class StatusConditionTests
{
    private static readonly string[] Waypoint =
    [
        Gateway("w", ["name: mesh, port: 15008, protocol: HBONE"], @namespace: "default", @class: "istio-waypoint"),
        Manifests.Service("w", "10.96.0.9", app: "w").Replace("port: 80", "port: 15008", StringComparison.Ordinal),
        Manifests.Pod("w-1", "10.0.0.9", app: "w", labels: "gateway.networking.k8s.io/gateway-name: w"),
    ];

    [Theory]
    [InlineData("ALLOW", "{from: [{source: {namespaces: [a]}}]}", "", "ZtunnelAccepted=True/Accepted: attached to ztunnel")]
    [InlineData("AUDIT", "{from: [{source: {namespaces: [a]}}]}", "", "ZtunnelAccepted=True/Accepted: attached to ztunnel")]
    [InlineData("CUSTOM", "{}", "provider: {name: x}", "ZtunnelAccepted=False/UnsupportedValue: ztunnel does not support the CUSTOM action")]
    [InlineData(
        "ALLOW",
        "{to: [{operation: {paths: [/a], methods: [GET]}}]}",
        "",
        "ZtunnelAccepted=True/UnsupportedValue: ztunnel does not support HTTP attributes (found: methods, paths). In ambient mode you must use a waypoint proxy to enforce HTTP rules. "
        + "Within an ALLOW policy, rules matching HTTP attributes are omitted. This will be more restrictive than requested.")]
    [InlineData(
        "DENY",
        "{to: [{operation: {methods: [GET]}}]}",
        "",
        "ZtunnelAccepted=True/UnsupportedValue: ztunnel does not support HTTP attributes (found: methods). In ambient mode you must use a waypoint proxy to enforce HTTP rules. "
        + "DENY policy with HTTP attributes is enforced without the HTTP rules. This will be more restrictive than requested.")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: w}]", "WaypointAccepted=True/Accepted: bound to default/w")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: gone}]", "WaypointAccepted=False/TargetNotFound: Gateway default/gone not found")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Service, group: \"\", name: bound}]", "WaypointAccepted=True/Accepted: bound to default/w")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Service, group: \"\", name: free}]", "WaypointAccepted=False/AncestorNotBound: Service default/free is not bound to a waypoint")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Service, group: \"\", name: bound}, {kind: Service, group: \"\", name: free}]", "WaypointAccepted=True/PartiallyInvalid: Invalid targetRefs: Service.core:default/free")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: Service, group: \"\", name: a}, {kind: Service, group: \"\", name: b}]", "WaypointAccepted=False/Invalid: Invalid targetRefs: Service.core:default/a, Service.core:default/b")]
    [InlineData("DENY", "{}", "targetRefs: [{kind: GatewayClass, group: gateway.networking.k8s.io, name: istio-waypoint}]", "WaypointAccepted=False/Invalid: AuthorizationPolicy must be in the root namespace istio-system to be about GatewayClass istio-waypoint")]
    public void A_policy_says_where_it_is_enforced(string action, string rules, string spec, string expected) =>
        Assert.Equal(expected, Conditions(Manifests.Policy("p", action, rules, spec: spec)));

    [Theory]
    [InlineData("istio-waypoint", "WaypointAccepted=True/Accepted: bound to GatewayClass istio-waypoint")]
    [InlineData("istio", "WaypointAccepted=False/Invalid: GatewayClass istio is not one of waypoints")]
    [InlineData("none", "WaypointAccepted=False/TargetNotFound: GatewayClass none not found")]
    public void A_policy_about_a_class_says_so(string @class, string expected) => Assert.Equal(
        expected,
        Conditions(Manifests.Policy("p", "DENY", "{}", "istio-system", $"targetRefs: [{{kind: GatewayClass, group: gateway.networking.k8s.io, name: {@class}}}]")));

    [Theory]
    [InlineData("", "", "istio.io/WaypointBound=True/WaypointAccepted: Successfully attached to waypoint default/w")]
    [InlineData("istio.io/ingress-use-waypoint: \"true\"", "", "istio.io/WaypointBound=True/WaypointAccepted: Successfully attached to waypoint default/w. Ingress traffic will traverse the waypoint")]
    [InlineData(
        "",
        "false",
        "istio.io/WaypointBound=True/WaypointAccepted: Successfully attached to waypoint default/w. Ingress traffic is not using the waypoint, set the istio.io/ingress-use-waypoint label to true if desired.")]
    public void A_bound_service_says_so(string label, string ofNamespace, string expected)
    {
        World world = new([.. Waypoint, Bound(label)]);
        StringMap labels = ofNamespace.Length == 0 ? StringMap.Empty : new StringMap([KeyValuePair.Create("istio.io/ingress-use-waypoint", ofNamespace)]);
        Assert.Equal(expected, Text(BindingConditions.OfService((ServiceObject)Manifests.Objects(Bound(label)).Single(), labels, world.Mesh)));
    }

    [Fact]
    public void A_service_that_asks_for_what_is_not_there_says_so()
    {
        World world = new(Bound(""));
        Assert.StartsWith(
            "istio.io/WaypointBound=False/WaypointIsNotReady: waypoint \"default/w\" is not ready",
            Text(BindingConditions.OfService((ServiceObject)Manifests.Objects(Bound("")).Single(), StringMap.Empty, world.Mesh)),
            StringComparison.Ordinal);
        string free = Manifests.Service("free", "10.96.0.2");
        world.Put(free);
        Assert.Equal("", Text(BindingConditions.OfService((ServiceObject)Manifests.Objects(free).Single(), StringMap.Empty, world.Mesh)));
    }

    private static string Bound(string label) =>
        Manifests.Service("bound", "10.96.0.1", metadata: $"labels: {{istio.io/use-waypoint: w{(label.Length > 0 ? $", {label}" : "")}}}");

    private static string Conditions(string policy)
    {
        World world = new([.. Waypoint, Bound(""), Manifests.Service("free", "10.96.0.2"), policy]);
        var classes = new[] { Class("istio", GatewayControllers.Ingress), Class("istio-waypoint", GatewayControllers.Waypoint) }
            .SelectMany(Manifests.Objects).Cast<GatewayClassObject>().ToDictionary(@class => @class.Metadata.Name, StringComparer.Ordinal);
        return Text(PolicyConditions.Of(Manifests.Objects(policy).Single(), world.Mesh, new TranslatorOptions(), name => classes.GetValueOrDefault(name)));
    }

    private static string Text(IEnumerable<StatusCondition> conditions) => string.Join("; ", conditions.Select(condition => $"{condition}: {condition.Message}"));
}

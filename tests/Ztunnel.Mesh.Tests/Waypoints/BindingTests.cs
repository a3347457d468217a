using static Ztunnel.Mesh.Tests.WaypointWorld;

namespace Ztunnel.Mesh.Tests;

/// <summary>What labels say of waypoints, and how a binding is shown.</summary>
public sealed class BindingTests
{
    [Theory]
    [InlineData("", "", null)]
    [InlineData("use-waypoint=w", "", "default/w Own")]
    [InlineData("", "use-waypoint=w", "default/w Namespace")]
    [InlineData("use-waypoint=w", "use-waypoint=v", "default/w Own")]
    [InlineData("use-waypoint=none", "use-waypoint=v", "none")]
    [InlineData("use-waypoint=w", "use-waypoint=none", "default/w Own")]
    [InlineData("", "use-waypoint=none", "none")]
    [InlineData("use-waypoint=", "use-waypoint=v", "default/v Namespace")]
    [InlineData("use-waypoint=w use-waypoint-namespace=infra", "", "infra/w Own")]
    [InlineData("", "use-waypoint=w use-waypoint-namespace=infra", "infra/w Namespace")]
    [InlineData("use-waypoint=w", "use-waypoint-namespace=infra", "default/w Own")]
    [InlineData("use-waypoint-namespace=infra", "use-waypoint=w", "default/w Namespace")]
    [InlineData("use-waypoint-namespace=infra", "", null)]
    [InlineData("use-waypoint=none use-waypoint-namespace=infra", "", "none")]
    public void The_objects_own_label_counts_and_then_its_namespaces(string own, string ofNamespace, string? expected)
    {
        string? actual = WaypointLabels.RequestOf(Labels(own), Labels(ofNamespace), "default") switch
        {
            WaypointRequest.Named named => $"{named.Gateway} {named.Origin}",
            null => null,
            _ => "none",
        };

        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("istio.io-mesh-controller", false)]
    [InlineData("istio.io-eastwest-controller", false)]
    [InlineData("istio.io-gateway-controller", true)]
    public void What_is_made_for_a_waypoint_never_has_one(string controller, bool bound)
    {
        var labels = new StringMap([KeyValuePair.Create("gateway.istio.io/managed", controller)]);

        Assert.Equal(bound, WaypointLabels.RequestOfService(labels, Labels("use-waypoint=w"), "default") is not null);
    }

    [Theory]
    [InlineData("", "", false)]
    [InlineData("ingress-use-waypoint=true", "", true)]
    [InlineData("ingress-use-waypoint=T", "", true)]
    [InlineData("ingress-use-waypoint=1", "", true)]
    [InlineData("ingress-use-waypoint=yes", "", false)]
    [InlineData("", "ingress-use-waypoint=true", true)]
    [InlineData("ingress-use-waypoint=false", "ingress-use-waypoint=true", false)]
    public void Whether_ingress_gateways_use_the_waypoint(string own, string ofNamespace, bool expected)
    {
        Assert.Equal(expected, WaypointLabels.IngressUsesWaypoint(Labels(own), Labels(ofNamespace)));
    }

    [Fact]
    public void A_binding_is_shown_in_istios_words()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks());
        Service web = Web(Asks());

        Assert.Equal(
            new WaypointBinding(Name, WaypointReason.WaypointAccepted, "Successfully attached to waypoint default/waypoint", "default/waypoint.default.svc.cluster.local"),
            world.Mesh.WaypointOf(web));

        world.Waypoint(WaypointTraffic.Workload);
        Assert.Equal("attempting to bind to traffic type \"service\" which the waypoint \"default/waypoint\" does not support", Message(web, WaypointReason.UnsupportedTrafficType));

        world.Waypoint(allowed: AllowedNamespaces.None);
        Assert.Equal("we are not permitted to attach to waypoint \"default/waypoint\" (missing allowedRoutes?)", Message(web, WaypointReason.AttachmentDenied));

        world.Waypoint(target: new GatewayTarget.Service(new ServiceName("default", "nowhere")));
        Assert.Equal("waypoint \"default/waypoint\" is not ready: Service default/nowhere does not exist", Message(web, WaypointReason.WaypointIsNotReady));

        world.Mesh.RemoveGateway(Name);
        Assert.Equal("waypoint \"default/waypoint\" is not ready: there is no such Gateway", Message(web, WaypointReason.WaypointIsNotReady));
        Assert.Null(world.Mesh.WaypointOf(Web(null)));
        Assert.Null(world.Mesh.WaypointOf(Web(WaypointRequest.OptOut)));

        string Message(Service service, WaypointReason reason)
        {
            WaypointBinding binding = world.Mesh.WaypointOf(service)!;
            Assert.Equal((reason, false), (binding.Reason, binding.Bound));
            return binding.Message;
        }
    }

    [Fact]
    public void A_namespaces_waypoint_for_services_is_no_binding_of_its_workloads_but_a_label_of_their_own_is_a_mistake()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(WaypointTraffic.Service);

        Assert.Null(world.Mesh.WaypointOf(ServerPod(Asks(WaypointOrigin.Namespace))));
        Assert.Equal(WaypointReason.UnsupportedTrafficType, world.Mesh.WaypointOf(ServerPod(Asks()))?.Reason);
    }

    [Theory]
    [InlineData("In red,blue", "team=red", true)]
    [InlineData("In red,blue", "team=green", false)]
    [InlineData("In red,blue", "", false)]
    [InlineData("NotIn red,blue", "team=red", false)]
    [InlineData("NotIn red,blue", "team=green", true)]
    [InlineData("NotIn red,blue", "", true)]
    [InlineData("Exists", "team=", true)]
    [InlineData("Exists", "", false)]
    [InlineData("DoesNotExist", "team=red", false)]
    [InlineData("DoesNotExist", "", true)]
    public void A_selectors_demands_are_kubernetes(string demand, string labels, bool matches)
    {
        string[] words = demand.Split(' ');
        var selector = new LabelSelector
        {
            Demands = [new LabelDemand("team", Enum.Parse<LabelOperator>(words[0]), [.. words.Skip(1).SelectMany(values => values.Split(','))])],
        };

        Assert.Equal(matches, selector.Matches(Raw(labels)));
        Assert.False((selector with { Labels = Raw("app=web") }).Matches(Raw(labels)));
    }

    private static StringMap Labels(string text) => Raw(text, "istio.io/");

    private static StringMap Raw(string text, string prefix = "") => new(
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(label => KeyValuePair.Create(prefix + label.Split('=')[0], label.Split('=')[1])));
}

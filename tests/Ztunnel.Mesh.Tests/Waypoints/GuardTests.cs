using static Ztunnel.Mesh.Tests.Make;
using static Ztunnel.Mesh.Tests.WaypointWorld;

namespace Ztunnel.Mesh.Tests;

/// <summary>Who may reach a pod directly that is bound to a waypoint.</summary>
public sealed class GuardTests
{
    private static readonly SpiffeId Waypoint = Identity("waypoint");
    private static readonly SpiffeId Stranger = Identity("client");
    private static readonly SpiffeId Ingress = Identity("edge");

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Only_the_waypoint_reaches_a_pod_that_is_bound_or_whose_service_is(bool service, bool workload)
    {
        WaypointWorld world = new WaypointWorld().Put(service ? Asks() : null, workload ? Asks() : null);

        Assert.True(world.Admits(Waypoint));
        Assert.False(world.Admits(Stranger));
        Assert.False(world.Admits(null));
        Assert.False(world.Admits(Identity("waypoint", "other")));
    }

    [Fact]
    public void A_pod_that_is_bound_to_nothing_is_open_to_all()
    {
        WaypointWorld world = new WaypointWorld();

        Assert.True(world.Admits(Stranger));
        Assert.True(world.Admits(null));
        Assert.True(world.Put(WaypointRequest.OptOut, WaypointRequest.OptOut).Admits(null));
    }

    [Fact]
    public void A_services_waypoint_guards_the_ports_the_service_leads_to_and_a_workloads_all()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        Assert.True(world.Admits(Stranger, port: 9090));

        world.Put(null, Asks());
        Assert.False(world.Admits(Stranger, port: 9090));
    }

    [Fact]
    public void A_pod_is_guarded_before_it_is_ready_too()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.Put(Endpoints("web", "four", [new("http", 8080)], At("10.244.2.7", "server", ready: false)));

        Assert.False(world.Admits(Stranger));
    }

    [Fact]
    public void A_waypoint_for_other_traffic_guards_nothing()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks(WaypointOrigin.Namespace));

        Assert.True(world.Waypoint(WaypointTraffic.None).Admits(Stranger));
        // The service's port is guarded, the pod is not.
        Assert.False(world.Waypoint(WaypointTraffic.Service).Admits(Stranger));
        Assert.True(world.Admits(Stranger, port: 9090));
    }

    [Fact]
    public void A_service_without_virtual_ip_demands_nothing_as_nothing_addressed_to_it_can_be_redirected()
    {
        WaypointWorld world = new WaypointWorld();
        world.Mesh.Put(Web(Asks()) with { VirtualIps = [] });

        Assert.True(world.Admits(Stranger));
    }

    [Fact]
    public void An_endpoint_that_names_another_pod_is_none_of_this_pods_business()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.Put(Endpoints("web", "four", [new("http", 8080)], At("10.244.2.7", "former")));

        Assert.True(world.Admits(Stranger));
    }

    [Theory]
    [InlineData("gone")]
    [InlineData("denied")]
    [InlineData("unready")]
    public void A_missing_waypoint_opens_nothing(string trouble)
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        if (trouble == "gone")
            world.Mesh.RemoveGateway(Name);
        else if (trouble == "denied")
            world.Waypoint(allowed: AllowedNamespaces.None);
        else
            world.Mesh.RemoveService(new ServiceName("default", "waypoint"));

        Assert.False(world.Admits(Stranger));
        Assert.False(world.Admits(null));
    }

    [Fact]
    public void What_came_through_the_services_waypoint_need_not_pass_the_workloads_too()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks(gateway: "inner"));
        world.Mesh.Put(Pod("inner", "10.244.3.9") with { Gateway = new GatewayName("default", "inner") });

        Assert.True(world.Admits(Waypoint));
        Assert.True(world.Admits(Identity("inner")));
        Assert.False(world.Admits(Stranger));
    }

    [Fact]
    public void The_pods_at_which_a_waypoint_is_reached_are_the_waypoint_without_a_label_too()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.Put(First with { Gateway = null });
        world.Mesh.Put(Second with { Gateway = null });
        Assert.True(world.Admits(Waypoint));

        world.Mesh.RemoveService(new ServiceName("default", "waypoint"));
        Assert.False(world.Admits(Waypoint));
    }

    [Fact]
    public void An_identity_is_the_waypoints_as_long_as_one_of_its_pods_has_it()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.RemoveService(new ServiceName("default", "waypoint"));
        Assert.True(world.Admits(Waypoint));

        world.Mesh.RemoveWorkload(First.Uid);
        Assert.True(world.Admits(Waypoint));

        world.Mesh.RemoveWorkload(Second.Uid);
        Assert.False(world.Admits(Waypoint));
    }

    [Fact]
    public void Ingress_gateways_pass_unless_the_service_says_that_they_use_its_waypoint()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks());
        Assert.True(world.Admits(Ingress));

        world.Put(Asks(), Asks(), ingress: true);
        Assert.False(world.Admits(Ingress));
        Assert.True(world.Admits(Waypoint));

        world.Put(Asks(), null).Mesh.RemoveGateway(new GatewayName("default", "edge"));
        Assert.False(world.Admits(Ingress));
    }

    [Fact]
    public void Nobody_passes_a_waypoint_for_a_service_account()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(account: "server");

        Assert.True(world.Admits(Waypoint));
        Assert.False(world.Admits(Stranger));
        Assert.False(world.Admits(Ingress));
        Assert.False(world.Admits(Stranger, port: 9090));
        Assert.True(world.Waypoint(WaypointTraffic.None, account: "server").Admits(Stranger));
    }

    [Fact]
    public void The_refusal_names_pod_waypoint_service_and_client()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);

        Assert.Equal(
            new PolicyRefusal(
                DenyReason.WaypointBypassed,
                null,
                "pod default/server is reached through waypoint default/waypoint only as Service default/web is, and this came from a client without identity"),
            world.Refusal(ServerPod(null), null));
        Assert.Equal(
            "pod default/server is reached through waypoint default/waypoint only, and this came from spiffe://cluster.local/ns/default/sa/client",
            world.Put(null, Asks()).Refusal(ServerPod(Asks()), Stranger)?.Detail);
    }

    [Fact]
    public void That_a_pod_has_come_behind_a_bound_service_is_told_so_that_open_connections_are_judged_again()
    {
        WaypointWorld world = new WaypointWorld();
        var heard = new List<string>();
        using IDisposable observation = world.Mesh.Policies.Observe(change => heard.Add($"{change.Namespace ?? "all"} {world.Admits(Stranger, port: 9090)}"));
        EndpointAddress server = At("10.244.2.7", "server");

        world.Mesh.Put(Endpoints("web", "more", [new("http", 9090)], server));
        Assert.Empty(heard);

        world.Put(Asks(), null);
        world.Mesh.Put(Endpoints("web", "more", [new("http", 9090)], server with { Ready = false }));
        world.Mesh.RemoveEndpoints(new ServiceName("default", "web"), "more");
        Assert.Equal(["default False"], heard);

        world.Mesh.Put(Endpoints("web", "more", [new("http", 9090)], server));
        world.Mesh.Put(Endpoints("web", "any", [new("http", 9090)], At("10.244.2.7")));
        Assert.Equal(["default False", "default False", "all False"], heard);
    }

    [Fact]
    public void The_switch_lets_everybody_pass()
    {
        WaypointWorld world = new WaypointWorld(new MeshOptions { WaypointBypass = WaypointBypass.Allow }).Put(Asks(), Asks());

        Assert.True(world.Admits(Stranger));
        Assert.True(world.Admits(null));
    }
}

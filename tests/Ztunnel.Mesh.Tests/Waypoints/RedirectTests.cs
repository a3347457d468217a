using System.Net;
using static Ztunnel.Mesh.Tests.Make;
using static Ztunnel.Mesh.Tests.WaypointWorld;

namespace Ztunnel.Mesh.Tests;

/// <summary>Where connections go whose destination is bound to a waypoint.</summary>
public sealed class RedirectTests
{
    private const string ToService = "waypoint 10.244.3.1:15008 10.96.0.20:80";
    private const string ToWorkload = "waypoint 10.244.3.1:15008 10.244.2.7:8080";
    private const string Direct = "direct 10.244.2.7:8080";

    [Theory]
    [InlineData(WaypointTraffic.Service, WaypointOrigin.Own, ToService, Direct)]
    [InlineData(WaypointTraffic.Service, WaypointOrigin.Namespace, ToService, Direct)]
    [InlineData(WaypointTraffic.Workload, WaypointOrigin.Own, Direct, ToWorkload)]
    [InlineData(WaypointTraffic.Workload, WaypointOrigin.Namespace, Direct, ToWorkload)]
    [InlineData(WaypointTraffic.All, WaypointOrigin.Own, ToService, ToWorkload)]
    [InlineData(WaypointTraffic.All, WaypointOrigin.Namespace, ToService, ToWorkload)]
    [InlineData(WaypointTraffic.None, WaypointOrigin.Own, Direct, Direct)]
    public void A_waypoint_takes_the_traffic_it_is_for(WaypointTraffic traffic, WaypointOrigin origin, string toService, string toWorkload)
    {
        WaypointWorld world = new WaypointWorld().Waypoint(traffic).Put(Asks(origin), Asks(origin));

        Assert.Equal(toService, world.Way(Vip));
        Assert.Equal(toWorkload, world.Way(Server));
    }

    [Fact]
    public void Services_and_workloads_are_bound_each_by_itself()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        Assert.Equal((ToService, Direct), (world.Way(Vip), world.Way(Server)));

        world.Put(null, Asks());
        Assert.Equal((Direct, ToWorkload), (world.Way(Vip), world.Way(Server)));

        world.Put(WaypointRequest.OptOut, WaypointRequest.OptOut);
        Assert.Equal((Direct, Direct), (world.Way(Vip), world.Way(Server)));
    }

    [Fact]
    public void The_waypoints_own_identity_is_expected_at_the_other_end()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);

        var tunnel = Assert.IsType<Route.Tunnel>(world.Mesh.Decide(Client, EndPoint(Vip), new Pick(1)));

        Assert.Equal(Identity("waypoint"), tunnel.ExpectedIdentity);
        Assert.Equal(Second, tunnel.Destination);
        Assert.Equal("web", tunnel.Service?.Name.Name);
        Assert.Equal(Name, tunnel.Waypoint);
    }

    [Fact]
    public void All_ready_instances_of_a_waypoint_are_used_and_no_other()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        Assert.Equal("10.244.3.1 10.244.3.2", NextHops());

        world.Mesh.Put(Endpoints("waypoint", "four", [new("mesh", 15008)], At("10.244.3.1", "waypoint-1", ready: false), At("10.244.3.2", "waypoint-2")));

        Assert.Equal("10.244.3.2 10.244.3.2", NextHops());

        string NextHops() => string.Join(' ', Enumerable.Range(0, 2).Select(pick => world.Way(Vip, pick: pick).Split(' ')[1].Split(':')[0]));
    }

    [Fact]
    public void Ways_through_every_instance_to_every_port_stay_the_same_objects()
    {
        WaypointWorld world = new WaypointWorld().Put(null, Asks());
        Route[] first = Ways();
        Assert.Equal(60, first.Distinct(ReferenceEqualityComparer.Instance).Count());

        Assert.Equal(60, Ways().Zip(first).Count(pair => ReferenceEquals(pair.First, pair.Second)));

        Route[] Ways() => [.. Enumerable.Range(8001, 30).SelectMany(port => new[] { Way(world, port, 0), Way(world, port, 1) })];
    }

    [Fact]
    public void A_client_that_tries_ports_does_not_have_them_all_kept()
    {
        WaypointWorld world = new WaypointWorld().Put(null, Asks());
        Route first = Way(world, 1, 0);
        for (int port = 2; port < 3000; port++)
            Way(world, port, 0);

        Assert.NotSame(first, Way(world, 1, 0));
    }

    private static Route.Tunnel Way(WaypointWorld world, int port, int pick) =>
        Assert.IsType<Route.Tunnel>(world.Mesh.Decide(Client, new IPEndPoint(EndPoint(Server).Address, port), new Pick(pick)));

    [Theory]
    [InlineData(WaypointAuthority.Address, Vip, "10.96.0.20:80")]
    [InlineData(WaypointAuthority.Address, Vip6, "[fd00:10:96::20]:80")]
    [InlineData(WaypointAuthority.Address, "[::ffff:10.96.0.20]:80", "10.96.0.20:80")]
    [InlineData(WaypointAuthority.Address, Server, "10.244.2.7:8080")]
    [InlineData(WaypointAuthority.Hostname, Vip, "web.default.svc.cluster.local:80")]
    [InlineData(WaypointAuthority.Hostname, Vip6, "web.default.svc.cluster.local:80")]
    [InlineData(WaypointAuthority.Hostname, Server, "10.244.2.7:8080")]
    [InlineData(WaypointAuthority.Hostname, "[fd00:10:244:2::7]:9", "[fd00:10:244:2::7]:9")]
    public void The_authority_is_what_the_client_asked_for(WaypointAuthority authority, string asked, string expected)
    {
        WaypointWorld world = new WaypointWorld(new MeshOptions { WaypointAuthority = authority }).Put(Asks(), Asks());

        Assert.Equal(expected, Assert.IsType<Route.Tunnel>(world.Mesh.Decide(asked)).Authority);
        Assert.Equal(expected, Assert.IsType<Route.Tunnel>(world.Mesh.Decide(asked)).Authority);
    }

    [Theory]
    [InlineData(Vip6, "[fd00:10:244:3::1]:15008")]
    [InlineData(Vip, "10.244.3.1:15008")]
    public void An_instance_is_reached_by_the_family_the_client_uses(string asked, string nextHop)
    {
        Assert.Equal(nextHop, new WaypointWorld().Put(Asks(), null).Way(asked).Split(' ')[1]);
    }

    [Fact]
    public void A_waypoint_of_one_family_serves_the_other_too()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.RemoveEndpoints(new ServiceName("default", "waypoint"), "six");

        Assert.Equal("waypoint 10.244.3.1:15008 [fd00:10:96::20]:80", world.Way(Vip6));
    }

    [Theory]
    [InlineData("10.96.0.9", ToService)]
    [InlineData("10.244.3.1", ToService)]
    [InlineData("10.244.9.9", "WaypointMissing: Service default/web is bound to waypoint default/waypoint: no ready pod is at address 10.244.9.9")]
    public void A_waypoint_may_be_named_by_an_address(string address, string way)
    {
        WaypointWorld world = new WaypointWorld().Waypoint(target: new GatewayTarget.Address(IPAddress.Parse(address))).Put(Asks(), null);

        Assert.Equal(way, world.Way(Vip));
    }

    [Fact]
    public void An_unready_instance_named_by_its_address_is_not_used()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(target: new GatewayTarget.Address(IPAddress.Parse("10.244.3.1"))).Put(Asks(), null);
        world.Mesh.Put(First with { Ready = false });

        Assert.StartsWith("WaypointMissing: ", world.Way(Vip), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_waypoint_itself_sends_goes_directly()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks());
        Workload captured = First with { Enrolment = Enrolment.Ambient };

        Assert.Equal((Direct, Direct), (world.Way(Vip, captured), world.Way(Server, captured)));
        // So does what the same pods send as another Gateway.
        Workload alias = captured with { Gateway = new GatewayName("default", "alias") };
        Assert.Equal((Direct, Direct), (world.Way(Vip, alias), world.Way(Server, alias)));
        // Another's instance is a client like any other, whatever its pod is called.
        Workload other = captured with { Gateway = new GatewayName("other", "waypoint"), Identity = Identity("waypoint", "other") };
        Assert.Equal((ToService, ToWorkload), (world.Way(Vip, other), world.Way(Server, other)));
    }

    [Theory]
    [InlineData(false, Direct)]
    [InlineData(true, ToService)]
    public void An_ingress_gateway_goes_past_a_services_waypoint_unless_told(bool ingressUses, string way)
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks(), ingressUses);

        Assert.Equal(way, world.Way(Vip, Edge));
        Assert.Equal(Direct, world.Way(Server, Edge));
    }

    [Fact]
    public void An_instance_of_a_gateway_that_is_no_ingress_gateway_is_a_client_like_any_other()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.RemoveGateway(new GatewayName("default", "edge"));

        Assert.Equal(ToService, world.Way(Vip, Edge));
    }

    [Fact]
    public void A_waypoint_and_its_own_service_are_reached_directly()
    {
        WaypointWorld world = new WaypointWorld();
        world.Mesh.Put(world.Mesh.ServiceByName(new ServiceName("default", "waypoint"))! with { Waypoint = Asks(WaypointOrigin.Namespace) });
        world.Mesh.Put(First with { Waypoint = Asks(WaypointOrigin.Namespace) });

        Assert.Equal("clear 10.244.3.1:15008", world.Way("10.96.0.9:15008"));
        Assert.Equal("clear unchanged", world.Way("10.244.3.1:15020"));
        Assert.Null(world.Mesh.WaypointOf(world.Mesh.WorkloadByUid(First.Uid)!));
    }

    [Fact]
    public void A_port_the_service_does_not_have_is_refused_for_that_and_not_sent_to_the_waypoint()
    {
        Assert.StartsWith("UnknownServicePort: ", new WaypointWorld().Put(Asks(), null).Way("10.96.0.20:81"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_workload_outside_the_mesh_has_its_waypoint_too()
    {
        WaypointWorld world = new WaypointWorld().Put(null, null);
        world.Mesh.Put(ServerPod(Asks()) with { Enrolment = Enrolment.NotLabelled });

        Assert.Equal(ToWorkload, world.Way(Server));
    }

    [Fact]
    public void A_change_of_the_waypoint_shows_at_once()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        Assert.Equal(ToService, world.Way(Vip));
        long before = world.Mesh.EntriesWritten;

        world.Mesh.RemoveGateway(Name);
        Assert.StartsWith("WaypointMissing: ", world.Way(Vip), StringComparison.Ordinal);

        world.Waypoint(WaypointTraffic.Workload);
        Assert.Equal(Direct, world.Way(Vip));

        world.Waypoint();
        Assert.Equal(ToService, world.Way(Vip));
        // However much is bound to it, a Gateway's change is its own entry.
        Assert.Equal(3, world.Mesh.EntriesWritten - before);

        world.Mesh.Put(First with { Identity = Identity("renamed"), ServiceAccount = "renamed" });
        Assert.Equal(Identity("renamed"), Assert.IsType<Route.Tunnel>(world.Mesh.Decide(Vip)).ExpectedIdentity);
    }

    [Theory]
    [InlineData("10.96.0.9")]
    [InlineData("fd00:10:96::9")]
    public void The_service_at_whose_address_a_waypoint_is_reached_is_not_reached_through_it(string status)
    {
        WaypointWorld world = new WaypointWorld().Waypoint(target: new GatewayTarget.Address(IPAddress.Parse(status)));
        world.Mesh.Put(Service("waypoint", ["10.96.0.9", "fd00:10:96::9"], new ServicePort("mesh", 15008, 15008)) with { Waypoint = Asks(WaypointOrigin.Namespace) });

        Assert.Equal("clear 10.244.3.1:15008", world.Way("10.96.0.9:15008"));
        Assert.Null(world.Mesh.WaypointOf(world.Mesh.ServiceByName(new ServiceName("default", "waypoint"))!));
    }

    [Theory]
    [InlineData("gone", "there is no such Gateway")]
    [InlineData("ingress", "that Gateway is no waypoint")]
    [InlineData("denied", "its allowedRoutes do not admit namespace default")]
    [InlineData("unusable", "its address x.example names no Service of its namespace")]
    [InlineData("no service", "Service default/nowhere does not exist")]
    [InlineData("no port", "Service default/web has no TCP port 15008 (it has 80)")]
    [InlineData("unready", "Service default/waypoint port 15008 has no endpoint: nothing is behind the service")]
    [InlineData("no pod", "it is not reached at a pod, so nothing can be expected of its identity")]
    public void A_missing_waypoint_refuses_and_says_why(string trouble, string cause)
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), Asks());
        var waypoint = new ServiceName("default", "waypoint");
        switch (trouble)
        {
            case "gone":
                world.Mesh.RemoveGateway(Name);
                break;
            case "ingress":
                world.Mesh.Put(new Gateway { Name = Name, Ingress = true });
                break;
            case "denied":
                world.Waypoint(allowed: AllowedNamespaces.None);
                break;
            case "unusable":
                world.Waypoint(target: new GatewayTarget.Unusable("its address x.example names no Service of its namespace"));
                break;
            case "no service":
                world.Waypoint(target: new GatewayTarget.Service(new ServiceName("default", "nowhere")));
                break;
            case "no port":
                // Another service is in its place: that of the web, which asks for itself then only as a workload.
                world.Waypoint(target: new GatewayTarget.Service(new ServiceName("default", "web")));
                break;
            default:
                world.Mesh.RemoveEndpoints(waypoint, "four");
                world.Mesh.RemoveEndpoints(waypoint, "six");
                if (trouble == "no pod")
                    world.Mesh.Put(Endpoints("waypoint", "vm", [new("mesh", 15008)], At("192.0.2.1")));
                break;
        }

        string expected = $"WaypointMissing: Pod default/server is bound to waypoint default/waypoint: {cause}";
        Assert.Equal(expected, world.Way(Server));
        Assert.Equal(expected, world.Way(Server));
        if (trouble != "no port")
            Assert.Equal(expected.Replace("Pod default/server", "Service default/web", StringComparison.Ordinal), world.Way(Vip));
    }

    [Theory]
    [InlineData("same", "default", true)]
    [InlineData("same", "other", false)]
    [InlineData("all", "other", true)]
    [InlineData("none", "default", false)]
    [InlineData("team=red", "other", true)]
    [InlineData("team=blue", "other", false)]
    [InlineData("team=red", "default", false)]
    public void A_waypoint_of_another_namespace_has_to_allow_it(string allowed, string from, bool admitted)
    {
        WaypointWorld world = new WaypointWorld().Waypoint(allowed: allowed switch
        {
            "same" => AllowedNamespaces.Same,
            "all" => AllowedNamespaces.All,
            "none" => AllowedNamespaces.None,
            _ => new AllowedNamespaces.Matching(new LabelSelector { Labels = new StringMap([KeyValuePair.Create("team", allowed.Split('=')[1])]) }),
        });
        world.Mesh.PutNamespace("other", new StringMap([KeyValuePair.Create("team", "red")]));
        world.Mesh.Put(ServerPod(Asks()) with { Namespace = from });

        Assert.Equal(admitted ? ToWorkload : $"WaypointMissing: Pod {from}/server is bound to waypoint default/waypoint: its allowedRoutes do not admit namespace {from}", world.Way(Server));

        // Whether it is let in follows the namespace's labels, without anything else being touched.
        world.Mesh.PutNamespace("other", StringMap.Empty);
        Assert.Equal(admitted && allowed != "team=red", world.Way(Server) == ToWorkload);
    }

    [Fact]
    public void A_waypoint_for_a_service_account_takes_all_traffic_of_its_workloads()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(account: "server");

        Assert.Equal((ToService, ToWorkload), (world.Way(Vip), world.Way(Server)));
        Assert.Equal((ToService, ToWorkload), (world.Way(Vip, Edge), world.Way(Server, Edge)));
        Assert.Equal((Direct, Direct), (world.Way(Vip, First with { Enrolment = Enrolment.Ambient }), world.Way(Server, First with { Enrolment = Enrolment.Ambient })));

        world.Waypoint(account: "another");
        Assert.Equal((Direct, Direct), (world.Way(Vip), world.Way(Server)));

        world.Waypoint(account: "server").Put(WaypointRequest.OptOut, WaypointRequest.OptOut);
        Assert.Equal((Direct, Direct), (world.Way(Vip), world.Way(Server)));

        world.Put(null, null);
        world.Mesh.RemoveGateway(Name);
        Assert.Equal((Direct, Direct), (world.Way(Vip), world.Way(Server)));
    }

    [Fact]
    public void A_pods_own_label_counts_before_its_service_account_and_that_before_its_namespaces_label()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(account: "server");

        world.Put(null, Asks(WaypointOrigin.Own, "nowhere"));
        Assert.Contains("waypoint default/nowhere: there is no such Gateway", world.Way(Server), StringComparison.Ordinal);

        world.Put(null, Asks(WaypointOrigin.Namespace, "nowhere"));
        Assert.Equal(ToWorkload, world.Way(Server));
    }

    [Fact]
    public void Of_two_waypoints_for_one_service_account_the_first_by_name_has_it()
    {
        WaypointWorld world = new WaypointWorld().Waypoint(account: "server");
        Waypoint same = world.Mesh.WaypointOf(ServerPod(null)) is { } bound && bound.Waypoint == Name
            ? new Waypoint { Traffic = WaypointTraffic.All, Target = new GatewayTarget.Unusable("it is elsewhere"), ServiceAccount = "server" }
            : throw new InvalidOperationException("not bound");
        world.Mesh.Put(new Gateway { Name = new GatewayName("default", "z"), Waypoint = same });
        Assert.Equal(ToWorkload, world.Way(Server));

        world.Mesh.Put(new Gateway { Name = new GatewayName("default", "a"), Waypoint = same });
        Assert.Contains("default/a: it is elsewhere", world.Way(Server), StringComparison.Ordinal);

        world.Mesh.RemoveGateway(new GatewayName("default", "a"));
        Assert.Equal(ToWorkload, world.Way(Server));
    }

    [Fact]
    public void A_decision_for_a_waypoint_that_was_made_before_allocates_nothing()
    {
        WaypointWorld world = new WaypointWorld(new MeshOptions { WaypointAuthority = WaypointAuthority.Hostname }).Put(Asks(), Asks());
        var picker = new Pick(1);
        IPEndPoint[] destinations = [.. new[] { Vip, Vip6, Server, "10.244.2.7:81", "[fd00:10:244:2::7]:80" }.Select(EndPoint)];
        foreach (IPEndPoint destination in destinations)
            world.Mesh.Decide(Client, destination, picker);
        world.Mesh.Put(new Gateway { Name = new GatewayName("default", "later") });

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            foreach (IPEndPoint destination in destinations)
                world.Mesh.Decide(Client, destination, picker);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_refusal_that_was_made_before_allocates_nothing_and_follows_its_cause()
    {
        WaypointWorld world = new WaypointWorld().Put(Asks(), null);
        world.Mesh.RemoveGateway(Name);
        IPEndPoint vip = EndPoint(Vip);
        var picker = new Pick(0);
        world.Mesh.Decide(Client, vip, picker);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Route refusal = world.Mesh.Decide(Client, vip, picker);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        Assert.Contains("there is no such Gateway", refusal.ToString(), StringComparison.Ordinal);
        world.Waypoint(allowed: AllowedNamespaces.None);
        Assert.Contains("allowedRoutes", world.Way(Vip), StringComparison.Ordinal);
    }
}

using System.Net;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

public sealed class DecisionTests
{
    private static readonly ServicePort Http = new("http", 8000, 0);
    private static readonly ServicePort Admin = new("admin", 9000, 9001);
    private static readonly EndpointPort[] Targets = [new("http", 8080), new("admin", 9001)];

    [Fact]
    public void A_pod_of_the_mesh_is_reached_through_a_tunnel_to_its_own_address()
    {
        Workload server = Pod("server", "10.244.2.7");

        var tunnel = Assert.IsType<Route.Tunnel>(State(server).Decide("10.244.2.7:8080"));

        Assert.Equal(EndPoint("10.244.2.7:15008"), tunnel.NextHop);
        Assert.Equal("10.244.2.7:8080", tunnel.Authority);
        Assert.Equal(server.Identity, tunnel.ExpectedIdentity);
        Assert.Equal(server, tunnel.Destination);
        Assert.Null(tunnel.Service);
    }

    [Theory]
    [InlineData("fd00:10:244:2::7", "[fd00:10:244:2::7]:8080", "[fd00:10:244:2::7]:8080")]
    [InlineData("fd00:10:244:2::7", "[fd00:10:244:2:0:0:0:7]:8080", "[fd00:10:244:2::7]:8080")]
    [InlineData("10.244.2.7", "[::ffff:10.244.2.7]:8080", "10.244.2.7:8080")]
    [InlineData("::ffff:10.244.2.7", "10.244.2.7:8080", "10.244.2.7:8080")]
    public void An_address_is_the_same_however_it_is_written(string held, string asked, string authority)
    {
        Assert.Equal(authority, Assert.IsType<Route.Tunnel>(State(Pod("server", held)).Decide(asked)).Authority);
    }

    [Theory]
    [InlineData(Enrolment.NotLabelled)]
    [InlineData(Enrolment.OptedOut)]
    [InlineData(Enrolment.Sidecar)]
    [InlineData(Enrolment.ExcludedNamespace)]
    public void A_pod_outside_the_mesh_is_reached_in_the_clear_where_the_client_asked(Enrolment enrolment)
    {
        Workload server = Pod("server", "10.244.2.7") with { Enrolment = enrolment };

        Assert.Equal(new Route.Passthrough(null, server, null), State(server).Decide("10.244.2.7:8080"));
    }

    [Fact]
    public void An_unknown_address_is_left_as_it_is()
    {
        Assert.Same(Route.Passthrough.Unchanged, State(Pod("server", "10.244.2.7")).Decide("192.0.2.1:443"));
    }

    [Fact]
    public void The_address_of_a_host_network_belongs_to_no_pod()
    {
        Workload agent = Pod("agent", "172.30.0.12") with { HostNetwork = true, Enrolment = Enrolment.HostNetwork };
        MeshState mesh = State(agent, agent with { Uid = "uid-other", Name = "other" });

        Assert.Same(Route.Passthrough.Unchanged, mesh.Decide("172.30.0.12:10250"));
        Assert.Null(mesh.WorkloadByAddress(IPAddress.Parse("172.30.0.12")));
        Assert.NotNull(mesh.WorkloadByUid("uid-other"));
    }

    [Fact]
    public void A_pod_keeps_its_address_though_a_host_network_pod_reports_it_too()
    {
        Workload server = Pod("server", "10.244.2.7");
        Workload odd = Pod("odd", "10.244.2.7") with { HostNetwork = true, Enrolment = Enrolment.HostNetwork };

        Assert.Equal(server, State(odd, server).WorkloadByAddress(IPAddress.Parse("10.244.2.7")));
    }

    [Fact]
    public void A_source_outside_the_mesh_gets_what_it_would_have_without_it()
    {
        MeshState mesh = State(Pod("server", "10.244.2.7"));

        Route route = mesh.Decide(Client with { Enrolment = Enrolment.NotLabelled }, EndPoint("10.244.2.7:80"), new Pick(0));

        Assert.Same(Route.Passthrough.Unchanged, route);
    }

    [Theory]
    [InlineData("10.96.0.20:8000", "10.244.2.7:8080")]
    [InlineData("10.96.0.20:9000", "10.244.2.7:9001")]
    [InlineData("[fd00:10:96::20]:8000", "[fd00:10:244:2::7]:8080")]
    [InlineData("[::ffff:10.96.0.20]:8000", "10.244.2.7:8080")]
    public void A_virtual_ip_leads_to_the_target_port_of_an_endpoint_of_its_family(string asked, string authority)
    {
        Workload server = Pod("server", "10.244.2.7", "fd00:10:244:2::7");
        Service service = Service("web", ["10.96.0.20", "fd00:10:96::20"], Http, Admin);
        MeshState mesh = State(
            server,
            service,
            Endpoints("web", "four", Targets, At("10.244.2.7", "server")),
            Endpoints("web", "six", Targets, At("fd00:10:244:2::7", "server")));

        var tunnel = Assert.IsType<Route.Tunnel>(mesh.Decide(asked));

        Assert.Equal(authority, tunnel.Authority);
        Assert.Equal(15008, tunnel.NextHop.Port);
        Assert.Equal(service, tunnel.Service);
        Assert.Equal(server, tunnel.Destination);
    }

    [Fact]
    public void A_named_target_port_is_each_slices_own()
    {
        MeshState mesh = State(
            Pod("old", "10.244.2.7"),
            Pod("new", "10.244.2.8"),
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "a", [new("http", 8080)], At("10.244.2.7", "old")),
            Endpoints("web", "b", [new("http", 9090)], At("10.244.2.8", "new")));

        Assert.Equal(["10.244.2.7:8080", "10.244.2.8:9090"], Authorities(mesh, "10.96.0.20:8000", 2));
    }

    [Fact]
    public void Only_ready_endpoints_are_picked_and_each_one_once()
    {
        MeshState mesh = State(
            Pod("a", "10.244.2.1"),
            Pod("b", "10.244.2.2"),
            Pod("c", "10.244.2.3"),
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "1", Targets, At("10.244.2.1", "a"), At("10.244.2.2", "b", ready: false)),
            Endpoints("web", "2", Targets, At("10.244.2.1", "a"), At("10.244.2.3", "c")));

        Assert.Equal(["10.244.2.1:8080", "10.244.2.3:8080", "10.244.2.1:8080"], Authorities(mesh, "10.96.0.20:8000", 3));
    }

    [Fact]
    public void An_endpoint_outside_the_mesh_is_reached_in_the_clear_at_its_own_address()
    {
        Workload plain = Pod("plain", "10.244.2.7") with { Enrolment = Enrolment.NotLabelled };
        Service service = Service("web", ["10.96.0.20"], Http);
        MeshState mesh = State(plain, service, Endpoints("web", "a", Targets, At("10.244.2.7", "plain")));

        AssertClear(new Route.Passthrough(EndPoint("10.244.2.7:8080"), plain, service), mesh.Decide("10.96.0.20:8000"));
    }

    [Fact]
    public void An_endpoint_that_is_no_pod_is_reached_in_the_clear()
    {
        Service service = Service("db", ["10.96.0.30"], Http);
        MeshState mesh = State(service, Endpoints("db", "a", Targets, At("192.0.2.9")));

        AssertClear(new Route.Passthrough(EndPoint("192.0.2.9:8080"), null, service), mesh.Decide("10.96.0.30:8000"));
    }

    [Fact]
    public void An_endpoint_on_a_host_network_is_reached_in_the_clear_and_named()
    {
        Workload agent = Pod("agent", "172.30.0.12") with { HostNetwork = true, Enrolment = Enrolment.HostNetwork };
        Workload other = agent with { Uid = "uid-other", Name = "other" };
        Service service = Service("agent", ["10.96.0.40"], Http);
        MeshState mesh = State(other, agent, service, Endpoints("agent", "a", Targets, At("172.30.0.12", "agent")));

        AssertClear(new Route.Passthrough(EndPoint("172.30.0.12:8080"), agent, service), mesh.Decide("10.96.0.40:8000"));
    }

    [Theory]
    [InlineData("10.96.0.20:8001", DenyReason.UnknownServicePort, "Service default/web has no TCP port 8001 (it has 8000, 9000)")]
    [InlineData("10.96.0.20:8000", DenyReason.NoReadyEndpoints, "Service default/web port 8000 has no ready IPv4 endpoint (0 of 1 endpoints ready)")]
    [InlineData("[fd00:10:96::20]:9000", DenyReason.NoReadyEndpoints, "Service default/web port 9000 has no IPv6 endpoint, and only such serve an IPv6 address")]
    public void What_a_service_cannot_serve_is_refused_with_the_reason(string asked, DenyReason reason, string detail)
    {
        MeshState mesh = State(
            Pod("server", "10.244.2.7"),
            Service("web", ["10.96.0.20", "fd00:10:96::20"], Http, Admin),
            Endpoints("web", "a", Targets, At("10.244.2.7", "server", ready: false)));

        Assert.Equal(new Route.Deny(reason, detail), mesh.Decide(asked));
    }

    [Theory]
    [InlineData("", "no endpoint: nothing is behind the service")]
    [InlineData("empty", "no endpoint: nothing is behind the service")]
    [InlineData("without-ports", "no endpoint that serves it: its EndpointSlices or pods have no port \"http\" (nor any other)")]
    [InlineData("other-port", "no endpoint that serves it: its EndpointSlices or pods have no port \"http\" (only \"metrics\", \"web\")")]
    [InlineData("six", "no IPv4 endpoint, and only such serve an IPv4 address")]
    [InlineData("unready", "no ready IPv4 endpoint (0 of 1 endpoints ready)")]
    [InlineData("unready ready", "no ready IPv4 endpoint (1 of 2 endpoints ready, 1 of them without a pod that is known to hold the address)")]
    public void Why_a_service_has_no_endpoint_is_said_as_it_is(string sets, string detail)
    {
        MeshState mesh = State(Service("web", ["10.96.0.20"], Http));
        foreach (string set in sets.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            mesh.Put(set switch
            {
                "empty" => Endpoints("web", set, Targets),
                "without-ports" => Endpoints("web", set, [], At("10.244.2.7", "server")),
                "other-port" => Endpoints("web", set, [new("metrics", 9090), new("web", 8080)], At("10.244.2.7", "server")),
                "six" => Endpoints("web", set, Targets, At("fd00:10:244:2::7", "server")),
                "unready" => Endpoints("web", set, Targets, At("10.244.2.7", "server", ready: false)),
                _ => Endpoints("web", set, Targets, At("10.244.2.8", "unknown")),
            });
        }

        var deny = Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:8000"));

        Assert.Equal($"Service default/web port 8000 has {detail}", deny.Detail);
        Assert.Same(deny, mesh.Decide("10.96.0.20:8000"));
    }

    [Fact]
    public void Why_a_service_has_no_endpoint_follows_its_pods()
    {
        MeshState mesh = State(
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "a", Targets, At("10.244.2.7", "one"), At("10.244.2.8", "two")));
        Assert.Contains("2 of them without a pod", Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:8000")).Detail, StringComparison.Ordinal);

        mesh.Put(Pod("one", "10.244.2.7"));
        Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:8000"));

        mesh.Put(Endpoints("web", "a", Targets, At("10.244.2.7", "one", ready: false), At("10.244.2.8", "two")));
        Assert.Contains("1 of them without a pod", Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:8000")).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Enrolment.Ambient)]
    [InlineData(Enrolment.NotLabelled)]
    public void An_endpoint_whose_address_is_a_later_pods_by_now_leads_nowhere(Enrolment former)
    {
        Workload old = Pod("old", "10.244.2.7") with { Created = DateTimeOffset.UnixEpoch, Enrolment = former };
        Workload @new = Pod("new", "10.244.2.7") with { Created = DateTimeOffset.UnixEpoch.AddSeconds(1), ServiceAccount = "old", Identity = old.Identity };
        MeshState mesh = State(old, Service("web", ["10.96.0.20"], Http), Endpoints("web", "a", Targets, At("10.244.2.7", "old")));
        Assert.IsNotType<Route.Deny>(mesh.Decide("10.96.0.20:8000"));

        mesh.Put(@new);
        Assert.Equal(DenyReason.NoReadyEndpoints, Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:8000")).Reason);

        mesh.Put(Endpoints("web", "b", Targets, At("10.244.2.7", "new")));
        Assert.Equal(@new, Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:8000")).Destination);

        mesh.RemoveEndpoints(new ServiceName("default", "web"), "b");
        mesh.RemoveWorkload(@new.Uid);
        Assert.IsNotType<Route.Deny>(mesh.Decide("10.96.0.20:8000"));
    }

    [Fact]
    public void A_ready_endpoint_of_the_other_family_does_not_serve()
    {
        MeshState mesh = State(
            Pod("server", "10.244.2.7"),
            Service("web", ["10.96.0.20", "fd00:10:96::20"], Http),
            Endpoints("web", "a", Targets, At("10.244.2.7", "server")));

        Assert.Equal(DenyReason.NoReadyEndpoints, Assert.IsType<Route.Deny>(mesh.Decide("[fd00:10:96::20]:8000")).Reason);
    }

    [Fact]
    public void The_pods_of_a_headless_service_are_reached_by_their_own_addresses()
    {
        MeshState mesh = State(
            Pod("server", "10.244.2.7"),
            Service("web", [], Http),
            Endpoints("web", "a", Targets, At("10.244.2.7", "server")));

        Assert.Equal("10.244.2.7:8080", Assert.IsType<Route.Tunnel>(mesh.Decide("10.244.2.7:8080")).Authority);
        Assert.Equal("10.244.2.7:8080", Assert.IsType<Route.Tunnel>(Assert.Single(mesh.EndpointsOf(new ServiceName("default", "web"))).Route).Authority);
    }

    [Fact]
    public void An_endpoint_whose_pod_is_not_known_or_does_not_hold_the_address_is_passed_over()
    {
        MeshState mesh = State(
            Pod("moved", "10.244.2.9"),
            Pod("intruder", "10.244.2.8"),
            Pod("server", "10.244.2.7"),
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "a", Targets, At("10.244.2.6", "unknown"), At("10.244.2.8", "moved"), At("10.244.2.7", "server")));

        Assert.Equal(["10.244.2.7:8080", "10.244.2.7:8080", "10.244.2.7:8080"], Authorities(mesh, "10.96.0.20:8000", 3));

        mesh.RemoveWorkload("uid-server");

        Assert.Equal(DenyReason.NoReadyEndpoints, Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:8000")).Reason);
    }

    [Fact]
    public void An_address_that_two_pods_claim_is_refused_unless_one_is_known_to_be_later()
    {
        Workload first = Pod("first", "10.244.2.7");
        Workload second = Pod("second", "10.244.2.7");
        MeshState mesh = State(second, first);

        Assert.Equal(
            new Route.Deny(DenyReason.AddressConflict, "10.244.2.7 is claimed by pods default/first and default/second"),
            mesh.Decide("10.244.2.7:80"));

        mesh.Put(second with { Created = DateTimeOffset.UnixEpoch });
        Assert.Equal("second", Assert.IsType<Route.Tunnel>(mesh.Decide("10.244.2.7:80")).Destination.Name);

        mesh.Put(first with { Created = DateTimeOffset.UnixEpoch.AddSeconds(1) });
        Assert.Equal("first", Assert.IsType<Route.Tunnel>(mesh.Decide("10.244.2.7:80")).Destination.Name);
    }

    [Fact]
    public void A_virtual_ip_of_two_services_is_the_first_ones_by_name()
    {
        Workload server = Pod("server", "10.244.2.7");
        Service b = Service("b", ["10.96.0.20"], Http);
        Service a = Service("a", ["10.96.0.20"], Admin);
        MeshState mesh = State(server, b, a);

        Assert.Equal(a, mesh.ServiceByVirtualIp(IPAddress.Parse("10.96.0.20")));

        mesh.RemoveService(a.Name);

        Assert.Equal(b, mesh.ServiceByVirtualIp(IPAddress.Parse("10.96.0.20")));
    }

    [Fact]
    public void A_decision_that_was_made_before_allocates_nothing()
    {
        Workload server = Pod("server", "10.244.2.7", "fd00:10:244:2::7");
        MeshState mesh = State(
            server,
            Pod("plain", "10.244.2.8") with { Enrolment = Enrolment.NotLabelled },
            Service("web", ["10.96.0.20", "fd00:10:96::20"], Http, Admin),
            Endpoints("web", "a", Targets, At("10.244.2.7", "server"), At("fd00:10:244:2::7", "server")));
        IPEndPoint[] destinations =
        [
            .. new[]
            {
                "10.244.2.7:80", "[::ffff:10.244.2.7]:81", "[fd00:10:244:2::7]:80", "10.244.2.8:80", "192.0.2.1:443", "[2001:db8::1]:443",
                "10.96.0.20:8000", "[fd00:10:96::20]:9000", "10.96.0.20:1",
            }.Select(EndPoint),
        ];
        var picker = new Pick(0);
        foreach (IPEndPoint destination in destinations)
            mesh.Decide(Client, destination, picker);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            foreach (IPEndPoint destination in destinations)
                mesh.Decide(Client, destination, picker);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_client_that_walks_through_all_ports_gets_right_answers_and_leaves_little_behind()
    {
        MeshState mesh = State(Pod("server", "10.244.2.7"));

        for (int port = 1; port <= IPEndPoint.MaxPort; port++)
            Assert.Equal($"10.244.2.7:{port}", Assert.IsType<Route.Tunnel>(mesh.Decide($"10.244.2.7:{port}")).Authority);

        Assert.Same(mesh.Decide("10.244.2.7:1"), mesh.Decide("10.244.2.7:1"));
        Assert.NotSame(mesh.Decide("10.244.2.7:65535"), mesh.Decide("10.244.2.7:65535"));
    }

    private static void AssertClear(Route.Passthrough expected, Route actual)
    {
        var clear = Assert.IsType<Route.Passthrough>(actual);
        Assert.Equal((expected.Destination, expected.Workload, expected.Service), (clear.Destination, clear.Workload, clear.Service));
        Assert.Equal(expected.Destination, clear.Endpoint?.Address);
    }

    private static string[] Authorities(MeshState mesh, string destination, int picks) =>
        [.. Enumerable.Range(0, picks).Select(pick => Assert.IsType<Route.Tunnel>(mesh.Decide(Client, EndPoint(destination), new Pick(pick))).Authority)];
}

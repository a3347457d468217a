using System.Net;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

/// <summary>Which of a service's endpoints a client is offered, by where both are and how well the endpoints are.</summary>
public sealed class TopologyTests
{
    private static readonly ServicePort Http = new("http", 80, 8080);
    private static readonly EndpointPort[] Targets = [new("http", 8080)];

    // The client is on node-a.
    private static readonly Node[] Nodes =
    [
        new() { Name = "node-a", Region = "r1", Zone = "z1" },
        new() { Name = "node-b", Region = "r1", Zone = "z1" },
        new() { Name = "node-c", Region = "r1", Zone = "z2" },
        new() { Name = "node-d", Region = "r2", Zone = "z3" },
    ];

    [Theory]
    [InlineData(TrafficDistribution.Any, "a b c d x", "a b c d x")]
    [InlineData(TrafficDistribution.PreferSameZone, "a b c d x", "a b")]
    [InlineData(TrafficDistribution.PreferSameZone, "b c d", "b")]
    [InlineData(TrafficDistribution.PreferSameZone, "c d x", "c")]
    [InlineData(TrafficDistribution.PreferSameZone, "d x", "d x")]
    [InlineData(TrafficDistribution.PreferSameNode, "a b c d x", "a")]
    [InlineData(TrafficDistribution.PreferSameNode, "b c d x", "b")]
    [InlineData(TrafficDistribution.PreferSameNode, "c d x", "c")]
    [InlineData(TrafficDistribution.PreferSameNode, "d x", "d x")]
    public void The_nearest_endpoints_are_offered_and_all_when_none_is_near(TrafficDistribution distribution, string endpoints, string offered)
    {
        MeshState mesh = Mesh(endpoints, service => service with { Distribution = distribution });

        Assert.Equal(offered, Offered(mesh));
    }

    [Theory]
    [InlineData("a b", "a")]
    [InlineData("a:unready b", "b")]
    [InlineData("a:unready b:unready c", "c")]
    [InlineData("a:terminating b", "b")]
    [InlineData("a:gone b", "b")]
    public void A_near_endpoint_that_cannot_be_used_makes_way_for_a_farther_one(string endpoints, string offered)
    {
        MeshState mesh = Mesh(endpoints, service => service with { Distribution = TrafficDistribution.PreferSameNode });

        Assert.Equal(offered, Offered(mesh));
    }

    [Theory]
    [InlineData("a b c", "a")]
    [InlineData("b c", "")]
    [InlineData("a:unready b", "")]
    [InlineData("a:terminating b", "a")]
    public void A_service_that_is_local_only_offers_endpoints_on_the_clients_node_or_none(string endpoints, string offered)
    {
        MeshState mesh = Mesh(endpoints, service => service with { LocalOnly = true, Distribution = TrafficDistribution.PreferSameZone });

        Assert.Equal(offered, Offered(mesh));
        if (offered.Length == 0)
        {
            Assert.Contains(
                "on the client's node, as internalTrafficPolicy Local demands",
                Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:80")).Detail,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a b:unready", false, "a")]
    [InlineData("a b:unready", true, "a b")]
    [InlineData("a:unready b:unready", false, "")]
    [InlineData("a:unready b:unready", true, "a b")]
    [InlineData("a b:terminating", false, "a")]
    [InlineData("a:unready b:terminating c:terminating", false, "b c")]
    public void Endpoints_that_are_being_ended_serve_when_no_other_does_and_unready_ones_where_published(string endpoints, bool publish, string offered)
    {
        Assert.Equal(offered, Offered(Mesh(endpoints, service => service with { PublishNotReadyAddresses = publish })));
    }

    [Fact]
    public void An_endpoint_on_a_node_that_is_not_ready_is_passed_over_while_there_are_others()
    {
        MeshState mesh = Mesh("b c", service => service);
        Assert.Equal("b c", Offered(mesh));

        mesh.Put(Nodes[1] with { Ready = false });
        Assert.Equal("c", Offered(mesh));

        mesh.Put(Nodes[2] with { Ready = false });
        Assert.Equal("b c", Offered(mesh));

        mesh.RemoveNode("node-b");
        Assert.Equal("b", Offered(mesh));
    }

    [Fact]
    public void A_near_endpoint_on_a_node_that_is_not_ready_makes_way_for_a_farther_one()
    {
        MeshState mesh = Mesh("b c d", service => service with { Distribution = TrafficDistribution.PreferSameZone });

        mesh.Put(Nodes[1] with { Ready = false });

        Assert.Equal("c", Offered(mesh));
    }

    [Fact]
    public void What_a_slice_says_of_the_place_of_an_endpoint_counts_before_what_its_pod_says()
    {
        Service service = Service("web", ["10.96.0.20"], Http) with { Distribution = TrafficDistribution.PreferSameZone };
        MeshState mesh = State(
            service,
            Endpoints("web", "1", Targets, At("192.0.2.1") with { Zone = "z1" }, At("192.0.2.2") with { Node = "node-c" }, At("192.0.2.3")),
            Pod("pod-c", "10.244.0.12") with { Node = "node-c" });
        foreach (Node node in Nodes)
            mesh.Put(node);

        Assert.Equal("192.0.2.1", Assert.Single(Candidates(mesh)).Address.Address.ToString());

        mesh.Put(Endpoints("web", "1", Targets, At("192.0.2.2") with { Node = "node-b" }, At("192.0.2.3")));
        Assert.Equal("192.0.2.2", Assert.Single(Candidates(mesh)).Address.Address.ToString());

        mesh.Put(Endpoints("web", "1", Targets, At("10.244.0.12", "pod-c") with { Node = "node-b" }, At("192.0.2.3")));
        Assert.Equal("10.244.0.12", Assert.Single(Candidates(mesh)).Address.Address.ToString());
    }

    [Fact]
    public void Nodes_pods_and_services_may_come_in_any_order_and_change()
    {
        object[] parts =
        [
            Nodes[0], Nodes[2], PodOn("a"), PodOn("c"),
            Service("web", ["10.96.0.20"], Http) with { Distribution = TrafficDistribution.PreferSameZone },
            Endpoints("web", "1", Targets, At(AddressOn("a"), "pod-a"), At(AddressOn("c"), "pod-c")),
        ];

        Assert.All(Enumerable.Range(0, parts.Length), shift =>
        {
            MeshState mesh = State([.. parts.Skip(shift), .. parts.Take(shift)]);
            Assert.Equal("a", Offered(mesh));

            // The zones of the nodes are swapped.
            mesh.Put(Nodes[0] with { Zone = "z2" });
            Assert.Equal("a c", Offered(mesh));
            mesh.Put(Nodes[2] with { Zone = "z1" });
            mesh.Put(PodOn("a") with { Node = "node-c" });
            mesh.Put(PodOn("c") with { Node = "node-a" });
            Assert.Equal("c", Offered(mesh));
        });
    }

    [Fact]
    public void Nodes_that_are_gone_leave_nothing_behind()
    {
        MeshState mesh = Mesh("a b c d x", service => service with { Distribution = TrafficDistribution.PreferSameNode });

        mesh.RemoveEndpoints(new ServiceName("default", "web"), "1");
        Assert.Equal(4, mesh.NodeCount);
        foreach (Node node in Nodes)
            mesh.RemoveNode(node.Name);

        Assert.Equal(0, mesh.NodeCount);
        Assert.Empty(mesh.Nodes);
    }

    [Fact]
    public void A_client_is_told_by_its_address_where_the_service_wants_affinity()
    {
        MeshState mesh = Mesh("a b", service => service with { ClientAffinity = true });
        var one = new Recorder();
        var two = new Recorder();

        mesh.Decide(Client, EndPoint("10.96.0.20:80"), one);
        mesh.Decide(Client with { Addresses = [IPAddress.Parse("10.244.1.6")] }, EndPoint("10.96.0.20:80"), two);

        Assert.NotNull(one.Affinity);
        Assert.NotEqual(one.Affinity, two.Affinity);
        Assert.Null(Ask(Mesh("a b", service => service)).Affinity);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2000)]
    public void A_node_that_fails_costs_as_much_however_many_are_on_it(int services)
    {
        var mesh = new MeshState();
        for (int i = 0; i < services; i++)
        {
            mesh.Put(Service($"s{i}", [], Http) with { Distribution = TrafficDistribution.PreferSameZone });
            mesh.Put(Endpoints($"s{i}", "1", Targets, At($"192.0.{i >> 8}.{i & 255}") with { Node = i < 5 ? "node-a" : "node-b" }));
        }

        mesh.Put(Nodes[0]);

        long before = mesh.EntriesWritten;
        mesh.Put(Nodes[0] with { Ready = false });
        Assert.Equal(1, mesh.EntriesWritten - before);
        mesh.Put(Nodes[0] with { Zone = "z9" });
        // The node, and the services that have endpoints there.
        Assert.Equal(1 + 1 + 5, mesh.EntriesWritten - before);
    }

    [Fact]
    public void A_decision_by_topology_allocates_nothing()
    {
        MeshState local = Mesh("a b c d x", service => service with { LocalOnly = true });
        MeshState near = Mesh("b c d x", service => service with { Distribution = TrafficDistribution.PreferSameNode, ClientAffinity = true });
        MeshState none = Mesh("b", service => service with { LocalOnly = true });
        IPEndPoint destination = EndPoint("10.96.0.20:80");
        var picker = new Pick(0);
        foreach (MeshState mesh in (MeshState[])[local, near, none])
            mesh.Decide(Client, destination, picker);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            local.Decide(Client, destination, picker);
            near.Decide(Client, destination, picker);
            none.Decide(Client, destination, picker);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>A service with an endpoint on each of the nodes named by their last letter; node-x is not known.</summary>
    private static MeshState Mesh(string endpoints, Func<Service, Service> configure)
    {
        MeshState mesh = State([.. Nodes, configure(Service("web", ["10.96.0.20"], Http))]);
        string[][] parts = [.. endpoints.Split(' ').Select(part => part.Split(':'))];
        mesh.Put(Endpoints("web", "1", Targets, [.. parts.Select(part =>
            At(AddressOn(part[0]), $"pod-{part[0]}", ready: part is [_] or [_, "gone"]) with { Terminating = part is [_, "terminating"] })]));
        foreach (string[] part in parts.Where(part => part is not [_, "gone"]))
            mesh.Put(PodOn(part[0]));
        return mesh;
    }

    private static Workload PodOn(string node) => Pod($"pod-{node}", AddressOn(node)) with { Node = $"node-{node}" };

    private static string AddressOn(string node) => $"10.244.0.{10 + node[0] - 'a'}";

    private static string Offered(MeshState mesh) => string.Join(' ', Candidates(mesh).Select(endpoint => endpoint.Pod![^1..]));

    private static Endpoint[] Candidates(MeshState mesh) => Ask(mesh).Candidates;

    private static Recorder Ask(MeshState mesh)
    {
        var recorder = new Recorder();
        mesh.Decide(Client, EndPoint("10.96.0.20:80"), recorder);
        return recorder;
    }

    /// <summary>Keeps the first choice in which anything may be chosen.</summary>
    private sealed class Recorder : IEndpointPicker
    {
        public Endpoint[] Candidates { get; private set; } = [];

        public ulong? Affinity { get; private set; }

        Route? IEndpointPicker.Pick(in EndpointChoice choice)
        {
            var allowed = new List<Endpoint>();
            foreach (Endpoint candidate in choice.Candidates)
            {
                if (choice.Allows(candidate))
                    allowed.Add(candidate);
            }

            Candidates = [.. allowed];
            Affinity = choice.Affinity;
            return allowed.FirstOrDefault()?.Route;
        }
    }
}

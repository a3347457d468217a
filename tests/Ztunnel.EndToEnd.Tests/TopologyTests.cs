using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Which of a service's endpoints a client on node a gets, and how those are reached that are no pods of the mesh.</summary>
[Collection(nameof(DestinationLab))]
public sealed class TopologyTests(DestinationLab lab) : IAsyncLifetime
{
    private PodHttpServer? _near;
    private PodHttpServer? _far;

    public async ValueTask InitializeAsync()
    {
        _near = PodHttpServer.Start(lab.Near, DestinationLab.HttpPort);
        _far = PodHttpServer.Start(lab.Far, DestinationLab.HttpPort);
        await Nodes(nodeBReady: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _near!.DisposeAsync();
        await _far!.DisposeAsync();
    }

    [Fact]
    public async Task Without_a_wish_all_endpoints_are_used()
    {
        IPAddress address = IPAddress.Parse("10.96.2.1");
        await lab.Serve("everywhere", address, "internalTrafficPolicy: Cluster", Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));

        Assert.Equal(["far", "near"], await lab.AskAgain(address));
    }

    [Fact]
    public async Task A_service_with_internal_traffic_policy_local_is_served_on_the_clients_node_or_refused()
    {
        IPAddress both = IPAddress.Parse("10.96.2.2"), away = IPAddress.Parse("10.96.2.3");
        await lab.Serve("local", both, "internalTrafficPolicy: Local", Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));
        await lab.Serve("away", away, "internalTrafficPolicy: Local", Yaml.Endpoint(lab.Far));

        Assert.Equal(["near"], await lab.AskAgain(both));

        FailedConnection refused = await PodSocket.Fail(lab.Client, away, 80);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        string line = await lab.Mesh.AccessLine($"src.addr={refused.Client}");
        Assert.Contains("error=\"NoReadyEndpoints: ", line, StringComparison.Ordinal);
        Assert.Contains("internalTrafficPolicy Local", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PreferClose", "10.96.2.4")]
    [InlineData("PreferSameZone", "10.96.2.5")]
    [InlineData("PreferSameNode", "10.96.2.6")]
    public async Task A_service_that_prefers_the_near_falls_back_to_the_far(string distribution, string at)
    {
        var address = IPAddress.Parse(at);
        string name = distribution.ToLowerInvariant(), spec = $"trafficDistribution: {distribution}";
        await lab.Serve(name, address, spec, Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));
        Assert.Equal(["near"], await lab.AskAgain(address));

        // It refuses: each client is served by the next, and the near one gets no further tries for a while.
        await _near!.DisposeAsync();
        Assert.Equal(["far"], await lab.AskAgain(address));

        await lab.Serve(name, address, spec, Yaml.Endpoint(lab.Far));
        Assert.Equal(["far"], await lab.AskAgain(address));
    }

    [Fact]
    public async Task An_endpoint_on_a_node_that_is_not_ready_is_passed_over_until_the_node_is_well()
    {
        IPAddress address = IPAddress.Parse("10.96.2.7");
        await lab.Serve("spread", address, "type: ClusterIP", Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));

        await Nodes(nodeBReady: false);
        Assert.Equal(["near"], await lab.AskAgain(address));

        await lab.Serve("spread", address, "type: ClusterIP", Yaml.Endpoint(lab.Far));
        Assert.Equal(["far"], await lab.AskAgain(address));

        await Nodes(nodeBReady: true);
        await lab.Serve("spread", address, "type: ClusterIP", Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));
        Assert.Equal(["far", "near"], await lab.AskAgain(address));
    }

    [Fact]
    public async Task A_client_stays_with_its_endpoint_where_the_service_wants_affinity()
    {
        for (byte i = 0; i < 4; i++)
        {
            var address = new IPAddress([10, 96, 2, (byte)(20 + i)]);
            await lab.Serve($"sticky-{i}", address, "sessionAffinity: ClientIP", Yaml.Endpoint(lab.Near), Yaml.Endpoint(lab.Far));

            Assert.Single(await lab.AskAgain(address));
        }
    }

    [Theory]
    [InlineData("{ready: false, serving: true, terminating: true}", "10.96.2.8")]
    [InlineData("{ready: false}", null)]
    public async Task An_endpoint_that_is_ending_serves_when_no_other_does(string conditions, string? at)
    {
        IPAddress address = IPAddress.Parse(at ?? "10.96.2.9");
        string name = at is null ? "unwell" : "ending";
        await lab.Serve(name, address, "type: ClusterIP", Yaml.Endpoint(lab.Far, conditions));

        if (at is null)
            Assert.Equal(SocketError.ConnectionReset, (await PodSocket.Fail(lab.Client, address, 80)).Error);
        else
            Assert.Equal(["far"], await lab.AskAgain(address));
        await lab.Serve(name, address, "type: ClusterIP", Yaml.Endpoint(lab.Far, conditions), Yaml.Endpoint(lab.Near));
        Assert.Equal(["near"], await lab.AskAgain(address));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_pod_that_is_not_ready_is_an_endpoint_where_the_service_publishes_it(bool publish)
    {
        IPAddress address = IPAddress.Parse(publish ? "10.96.2.10" : "10.96.2.11");
        await using PodHttpServer server = PodHttpServer.Start(lab.Unready, DestinationLab.HttpPort);
        string name = publish ? "published" : "unpublished";
        lab.Mesh.Manifests.Write($"{name}.yaml", Yaml.Service(name, "default", "{app: unready}", 80, "8080", address.ToString())
            .Replace("spec:\n", $"spec:\n  publishNotReadyAddresses: {(publish ? "true" : "false")}\n", StringComparison.Ordinal));
        await lab.UntilServed(address, lab.Unready.Addresses.Length);

        if (publish)
            Assert.Equal("unready", await lab.Ask(address));
        else
            Assert.Equal(SocketError.ConnectionReset, (await PodSocket.Fail(lab.Client, address, 80)).Error);
    }

    [Theory]
    [InlineData("a", "10.96.2.12")]
    [InlineData("b", "10.96.2.13")]
    public async Task A_pod_on_its_nodes_network_is_reached_at_the_nodes_address_in_the_clear(string node, string at)
    {
        LabNode host = lab.Mesh.Network.Node(node);
        var address = IPAddress.Parse(at);
        await using PodHttpServer server = PodHttpServer.Start(host, DestinationLab.HttpPort);
        lab.Mesh.Manifests.Write($"host-{node}.yaml", $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: host-{{node}}, namespace: default, labels: {app: host-{{node}}} }
            spec: {nodeName: {{node}}, hostNetwork: true, containers: [{name: main}]}
            status: {podIP: {{host.IPv4}}, hostIP: {{host.IPv4}}, conditions: [{type: Ready, status: "True"}]}
            ---
            {{Yaml.Service($"host-{node}", "default", $"{{app: host-{node}}}", 80, "8080", at)}}
            """);
        await lab.UntilServed(address);

        Assert.Equal(node, await lab.Ask(address));

        string line = await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.service=\"host-{node}.default.svc.cluster.local\"");
        Assert.Contains($"dst.addr={host.IPv4}:{DestinationLab.HttpPort}", line, StringComparison.Ordinal);
        Assert.Contains($"dst.workload=\"host-{node}\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hbone", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_pods_of_a_headless_service_are_reached_by_their_own_addresses_through_the_mesh()
    {
        lab.Mesh.Manifests.Write("headless.yaml", Yaml.Join(
            Yaml.Service("headless", "default", "{}", 80, "8080", "None"), Yaml.Slice("headless", DestinationLab.HttpPort, Yaml.Endpoint(lab.Far))));
        await MeshLab.Eventually("the service", () => Task.FromResult(
            lab.Mesh.Agent("a").Mesh.ServiceByName(new Mesh.ServiceName("default", "headless")) is not null));

        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Far);
        await connection.Exchange();
        await connection.Close();

        Assert.Contains(
            "dst.identity=\"spiffe://cluster.local/ns/default/sa/far\"",
            await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.hbone_addr={lab.Far.IPv4}:{connection.Port}"),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_address_the_mesh_knows_nothing_of_is_passed_through_untouched(bool ipv6)
    {
        LabNode node = lab.Mesh.Network.Node("c");
        IPAddress address = ipv6 ? node.IPv6 : node.IPv4;
        using PodConnection connection = await PodConnection.Open(lab.Client, node, address);
        string everything = new([.. Enumerable.Range(1, 255).Select(code => (char)(code % 127 + 1))]);

        await connection.Exchange(everything, everything);
        await connection.Close();

        Assert.Equal(ipv6 ? lab.Client.IPv6 : lab.Client.IPv4, connection.Server.Remote().Address);
        Assert.Equal(new IPEndPoint(address, connection.Port), connection.Server.Local());
        string line = await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.addr={new IPEndPoint(address, connection.Port)}");
        Assert.DoesNotContain("dst.workload", line, StringComparison.Ordinal);
        Assert.DoesNotContain("dst.service", line, StringComparison.Ordinal);
    }

    private async Task Nodes(bool nodeBReady)
    {
        lab.Mesh.Manifests.Write("nodes.yaml", DestinationLab.Nodes(nodeBReady));
        await MeshLab.Eventually("the nodes", () => Task.FromResult(
            lab.Mesh.Agent("a").Mesh.Nodes.SingleOrDefault(node => node.Name == "b") is { } b && b.Ready == nodeBReady));
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;
using Ztunnel.Proxy;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Two pods of one node: everything a tunnel between nodes gives, without the tunnel.</summary>
public sealed class SameNodeTests(SameNodeTests.DirectLab lab) : IClassFixture<SameNodeTests.DirectLab>
{
    private const string ClientIdentity = "spiffe://cluster.local/ns/default/sa/client";
    private const string ServerIdentity = "spiffe://cluster.local/ns/default/sa/server";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_application_sees_the_clients_own_address(bool ipv6)
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server, ipv6 ? lab.Server.IPv6 : lab.Server.IPv4);
        await connection.Exchange();

        Assert.Equal(ipv6 ? lab.Client.IPv6 : lab.Client.IPv4, connection.Server.Remote().Address);
        Assert.Equal(new IPEndPoint(ipv6 ? lab.Server.IPv6 : lab.Server.IPv4, connection.Port), connection.Client.Remote());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_tunnel_is_made_and_both_ends_log_both_identities_and_the_same_bytes(bool ipv6)
    {
        IPAddress server = ipv6 ? lab.Server.IPv6 : lab.Server.IPv4;
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server, server);
        await connection.Exchange("twelve bytes", "five!");
        await connection.Close();

        string[] common =
        [
            $"src.addr={connection.Client.Local()}",
            $"dst.addr={new IPEndPoint(server, connection.Port)}",
            $"src.identity=\"{ClientIdentity}\"",
            $"dst.identity=\"{ServerIdentity}\"",
            "src.workload=\"client\"",
            "dst.workload=\"server\"",
        ];
        string outbound = await lab.Mesh.AccessLine([.. common, "direction=\"outbound\"", "bytes_sent=12 bytes_recv=5 "]);
        string inbound = await lab.Mesh.AccessLine([.. common, "direction=\"inbound\"", "bytes_sent=5 bytes_recv=12 "]);
        foreach (string line in new[] { outbound, inbound })
        {
            Assert.DoesNotContain("error=", line, StringComparison.Ordinal);
            Assert.DoesNotContain("dst.hbone_addr", line, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(
            lab.Mesh.Lines, line => line.Contains(common[0], StringComparison.Ordinal) && line.Contains(":15008", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("10.96.0.20")]
    [InlineData("fd00:10:96::20")]
    public async Task A_service_leads_to_its_pod_on_the_same_node(string address)
    {
        using PodListener listener = PodListener.Start(lab.Backend, DataPathLab.HttpPort);
        using PodConnection connection = await PodConnection.Open(lab.Client, listener, IPAddress.Parse(address), 80);
        await connection.Exchange();
        await connection.Close();

        await lab.Mesh.AccessLine(
            "direction=\"outbound\"", $"src.addr={connection.Client.Local()}", "dst.service=\"local.default.svc.cluster.local\"", "dst.workload=\"backend\"");
        await lab.Mesh.AccessLine("direction=\"inbound\"", $"src.addr={connection.Client.Local()}", "dst.workload=\"backend\"");
    }

    [Fact]
    public async Task Each_half_ends_on_its_own()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Client.SendText("question");
        connection.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("question", await connection.Server.ReceiveToEnd());
        await connection.Server.SendText("answer");
        connection.Server.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer", await connection.Client.ReceiveToEnd());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_reaches_the_other_end_and_both_lines(bool byClient)
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange();
        string source = $"src.addr={connection.Client.Local()}";
        (byClient ? connection.Client : connection.Server).Reset();

        await (byClient ? connection.Server : connection.Client).SeesReset();
        Assert.Contains("error=\"connection: Connection reset by peer\"", await lab.Mesh.AccessLine("direction=\"outbound\"", source), StringComparison.Ordinal);
        Assert.Contains("error=\"connection: Connection reset by peer\"", await lab.Mesh.AccessLine("direction=\"inbound\"", source), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_nobody_listens_on_is_a_prompt_reset_and_both_ends_say_why()
    {
        FailedConnection failed = await PodSocket.Fail(lab.Client, lab.Server.IPv4, 9);

        Assert.Equal(SocketError.ConnectionReset, failed.Error);
        Assert.InRange(failed.After, TimeSpan.Zero, PodSocket.Promptly);
        foreach (string direction in new[] { "outbound", "inbound" })
        {
            string line = await lab.Mesh.AccessLine($"direction=\"{direction}\"", $"src.addr={failed.Client}");
            Assert.Contains("Connection refused", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_pods_own_listeners_are_no_applications_of_it()
    {
        FailedConnection failed = await PodSocket.Fail(lab.Client, lab.Server.IPv4, 15001);

        Assert.Equal(SocketError.ConnectionReset, failed.Error);
    }

    [Fact]
    public async Task Bulk_both_ways_arrives_unchanged_and_is_counted()
    {
        const int BytesEachWay = 50_000_000;
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        Task<byte[]> up = RandomBytes.Send(connection.Client, 1, BytesEachWay);
        Task<byte[]> down = RandomBytes.Send(connection.Server, 2, BytesEachWay);
        (byte[] Hash, long Length)[] received = await Task.WhenAll(
            RandomBytes.ReceiveHashed(connection.Server), RandomBytes.ReceiveHashed(connection.Client));

        Assert.Equal([await up, await down], received.Select(end => end.Hash));
        Assert.All(received, end => Assert.Equal(BytesEachWay, end.Length));
        await lab.Mesh.AccessLine("direction=\"outbound\"", $"src.addr={connection.Client.Local()}", $"bytes_sent={BytesEachWay} bytes_recv={BytesEachWay} ");
        await lab.Mesh.AccessLine("direction=\"inbound\"", $"src.addr={connection.Client.Local()}", $"bytes_sent={BytesEachWay} bytes_recv={BytesEachWay} ");
    }

    [Fact]
    public async Task Diagnostics_show_both_sides_of_an_open_connection()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange();
        foreach (string pod in new[] { "client", "server" })
        {
            string state = (await NodeDiagnostics.PodState(lab.Mesh.Network.Node("a"), pod)).GetRawText();
            Assert.Contains($"\"{connection.Client.Local()}\"", state, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Told_to_tunnel_a_node_does_so_between_its_own_pods_too()
    {
        await using MeshLab mesh = await StartPair(options => options with { Proxy = new ProxyOptions { SameNode = SameNodePath.Tunnel } });
        using PodConnection connection = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await connection.Exchange();
        await connection.Close();

        string outbound = await mesh.AccessLine("direction=\"outbound\"", $"src.addr={connection.Client.Local()}");
        Assert.Contains($"dst.addr={mesh.Pod("server").IPv4}:15008", outbound, StringComparison.Ordinal);
        Assert.Contains($"dst.hbone_addr={mesh.Pod("server").IPv4}:{connection.Port}", outbound, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_leaves_ends_what_was_handed_to_it_after_the_drain_and_both_lines_say_so()
    {
        await using MeshLab mesh = await StartPair(options => options with { DrainTime = TimeSpan.FromMilliseconds(100) });
        using PodConnection connection = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await connection.Exchange();
        IPEndPoint client = connection.Client.Local();

        mesh.Manifests.Write("mesh.yaml", Yaml.Join(Yaml.Namespace("default", ambient: true), Yaml.Pod(mesh.Pod("client"))));

        await Task.WhenAll(connection.Client.SeesReset(), connection.Server.SeesReset());
        foreach (string direction in new[] { "outbound", "inbound" })
            await mesh.AccessLine($"direction=\"{direction}\"", $"src.addr={client}", "error=\"the pod left the mesh\"", "bytes_sent=4 bytes_recv=4 ");
    }

    [Fact]
    public async Task A_pod_that_is_not_captured_yet_is_not_handed_connections_but_refused_as_any_peer_without_an_agent()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("client").Pod("server", "late"),
            network => Yaml.Join(
                Yaml.Namespace("default", ambient: true),
                Yaml.Namespace("late", ambient: true),
                Yaml.Pod(network.Pod("client")),
                Yaml.Pod(network.Pod("server")).Replace("network-namespace: server", "network-namespace: nowhere", StringComparison.Ordinal)));
        LabPod server = mesh.Pod("server");
        using PodListener listener = PodListener.Start(server);
        FailedConnection failed = await PodSocket.Fail(mesh.Pod("client"), server.IPv4, listener.Port);

        Assert.Equal(SocketError.ConnectionReset, failed.Error);
        await mesh.AccessLine("direction=\"outbound\"", $"src.addr={failed.Client}", $"dst.addr={server.IPv4}:15008", "Connection refused");
    }

    private static Task<MeshLab> StartPair(Func<NodeAgentOptions, NodeAgentOptions> configure) =>
        MeshLab.Start(lab => lab.Node("a").Pod("client").Pod("server"), configure: configure);

    /// <summary>A lab of one node, as it comes.</summary>
    [SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
    public sealed class DirectLab : IAsyncLifetime
    {
        private MeshLab? _mesh;

        internal MeshLab Mesh => _mesh!;

        internal LabPod Client => Mesh.Pod("client");

        internal LabPod Server => Mesh.Pod("server");

        internal LabPod Backend => Mesh.Pod("backend");

        public async ValueTask InitializeAsync() => _mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("client").Pod("server").Pod("backend"),
            network => Yaml.Join(
            [
                Yaml.Namespace("default", ambient: true),
                .. network.Pods.Select(pod => pod.Name == "backend" ? Yaml.Pod(pod, "{app: backend}", port: DataPathLab.HttpPort) : Yaml.Pod(pod)),
                Yaml.Service("local", "default", "{app: backend}", 80, "http", "10.96.0.20", "fd00:10:96::20"),
            ]));

        public async ValueTask DisposeAsync()
        {
            if (_mesh is not null)
                await _mesh.DisposeAsync();
        }
    }
}

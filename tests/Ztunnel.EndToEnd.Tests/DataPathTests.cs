using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What applications may rely on between two pods of the mesh: the same as without it.</summary>
[Collection(nameof(DataPathLab))]
public sealed class DataPathTests(DataPathLab lab)
{
    private const string ClientIdentity = "spiffe://cluster.local/ns/default/sa/client";
    private const string ServerIdentity = "spiffe://cluster.local/ns/default/sa/server";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_application_sees_the_clients_own_address(bool ipv6)
    {
        IPAddress source = ipv6 ? lab.Client.IPv6 : lab.Client.IPv4;
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server, ipv6 ? lab.Server.IPv6 : lab.Server.IPv4);
        await connection.Exchange();

        Assert.Equal(source, connection.Server.Remote().Address);
        Assert.Equal(new IPEndPoint(ipv6 ? lab.Server.IPv6 : lab.Server.IPv4, connection.Port), connection.Client.Remote());
    }

    [Fact]
    public async Task Both_ends_log_the_connection_with_both_identities_and_its_bytes()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange("twelve bytes", "five!");
        await connection.Close();

        string authority = $"{lab.Server.IPv4}:{connection.Port}";
        string outbound = await lab.Mesh.AccessLine("direction=\"outbound\"", $"src.addr={connection.Client.Local()}", $"dst.hbone_addr={authority}");
        string inbound = await lab.Mesh.AccessLine("direction=\"inbound\"", $"dst.addr={authority}");
        foreach (string line in new[] { outbound, inbound })
        {
            Assert.Contains($"src.identity=\"{ClientIdentity}\"", line, StringComparison.Ordinal);
            Assert.Contains($"dst.identity=\"{ServerIdentity}\"", line, StringComparison.Ordinal);
            Assert.Contains("src.workload=\"client\"", line, StringComparison.Ordinal);
            Assert.Contains("dst.workload=\"server\"", line, StringComparison.Ordinal);
            Assert.DoesNotContain("error=", line, StringComparison.Ordinal);
        }

        Assert.Contains("bytes_sent=12 bytes_recv=5 ", outbound, StringComparison.Ordinal);
        Assert.Contains("bytes_sent=5 bytes_recv=12 ", inbound, StringComparison.Ordinal);
        Assert.Contains($"dst.addr={lab.Server.IPv4}:15008", outbound, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Between_the_nodes_there_is_only_TLS_to_port_15008()
    {
        string marker = $"marker-{Guid.NewGuid():N}";
        await using PacketCapture capture = await lab.Mesh.Network.Capture("b");
        foreach (IPAddress address in lab.Server.Addresses)
        {
            using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server, address);
            await connection.Exchange($"request {marker}", $"answer {marker}");
            await connection.Close();
        }

        LinkTraffic traffic = await capture.Stop();

        Assert.Null(traffic.WhyNotOnlyTls(15008, marker));
    }

    [Fact]
    public async Task A_server_may_speak_first()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);

        await connection.Server.SendText("220 welcome\r\n");

        Assert.Equal("220 welcome\r\n", await connection.Client.ReceiveText("220 welcome\r\n"));
        await connection.Exchange();
    }

    [Fact]
    public async Task A_server_answers_after_the_client_has_ended_its_half()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Client.SendText("question");
        connection.Client.Shutdown(SocketShutdown.Send);

        Assert.Equal("question", await connection.Server.ReceiveToEnd());
        await connection.Server.SendText("answer");
        connection.Server.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer", await connection.Client.ReceiveToEnd());
    }

    [Fact]
    public async Task A_client_goes_on_after_the_server_has_ended_its_half()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Server.SendText("enough");
        connection.Server.Shutdown(SocketShutdown.Send);

        Assert.Equal("enough", await connection.Client.ReceiveToEnd());
        await connection.Client.SendText("not yet");
        connection.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("not yet", await connection.Server.ReceiveToEnd());
    }

    [Fact]
    public async Task Netcat_that_ends_its_half_gets_the_whole_answer()
    {
        using PodListener listener = PodListener.Start(lab.Server);
        var netcat = new LabCommand("nc", "-N", $"{lab.Server.IPv4}", $"{listener.Port}") { Input = "question" };
        Task<ProcessResult> run = lab.Client.Exec(netcat, TestContext.Current.CancellationToken);
        string answer = new('x', 300_000);
        using Socket server = await listener.Accept();
        Assert.Equal("question", await server.ReceiveToEnd());
        await server.SendText(answer);
        server.Shutdown(SocketShutdown.Send);

        ProcessResult result = await run;

        Assert.Equal((0, answer), (result.ExitCode, result.Output));
    }

    [Fact]
    public async Task A_connection_that_was_idle_for_seconds_still_works()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange();
        await Task.Delay(TimeSpan.FromSeconds(3), TestContext.Current.CancellationToken);

        await connection.Exchange("still there?", "yes");
    }

    [Fact]
    public async Task Single_bytes_arrive_one_by_one_without_waiting_for_more()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        var times = new List<TimeSpan>();
        for (int i = 0; i < 200; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await connection.Exchange($"{i % 10}", $"{(i + 1) % 10}");
            times.Add(Stopwatch.GetElapsedTime(started));
        }

        // Waiting for more bytes (Nagle against a delayed acknowledgement) costs 40 ms each time, whatever the machine does.
        TimeSpan quick = times.Order().ElementAt(times.Count / 4);
        Assert.InRange(quick, TimeSpan.Zero, TimeSpan.FromMilliseconds(20));
    }

    [Fact]
    public async Task Single_bytes_sent_both_ways_at_once_arrive_in_order()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        string sent = string.Concat(Enumerable.Range(0, 1000).Select(i => (char)('a' + (i % 26))));

        async Task Send(Socket socket)
        {
            foreach (char c in sent)
                await socket.SendText($"{c}");
        }

        Task sending = Task.WhenAll(Send(connection.Client), Send(connection.Server));
        string[] received = await Task.WhenAll(connection.Server.ReceiveText(sent), connection.Client.ReceiveText(sent));
        await sending;

        Assert.Equal([sent, sent], received);
    }

    [Fact]
    public async Task More_than_two_gigabytes_each_way_at_once_arrive_on_one_connection()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        Task sending = Task.WhenAll(NumberedBlocks.Send(connection.Client), NumberedBlocks.Send(connection.Server));

        await Task.WhenAll(NumberedBlocks.Receive(connection.Server), NumberedBlocks.Receive(connection.Client));
        await sending;
    }

    [Fact]
    public async Task Bulk_both_ways_on_several_connections_arrives_unchanged()
    {
        const int Connections = 4;
        const int BytesEachWay = 25_000_000;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async index =>
        {
            using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server, lab.Server.Addresses[index % 2]);
            Task<byte[]> up = RandomBytes.Send(connection.Client, seed: index, BytesEachWay);
            Task<byte[]> down = RandomBytes.Send(connection.Server, seed: -index - 1, BytesEachWay);
            Task<(byte[] Hash, long Length)> atServer = RandomBytes.ReceiveHashed(connection.Server);
            Task<(byte[] Hash, long Length)> atClient = RandomBytes.ReceiveHashed(connection.Client);

            Assert.Equal((Convert.ToHexString(await up), BytesEachWay), (Convert.ToHexString((await atServer).Hash), (await atServer).Length));
            Assert.Equal((Convert.ToHexString(await down), BytesEachWay), (Convert.ToHexString((await atClient).Hash), (await atClient).Length));
        }));
    }

    [Fact]
    public async Task Two_pods_of_one_node_talk_through_the_mesh_too()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Neighbour);
        await connection.Exchange();
        await connection.Close();

        Assert.Equal(lab.Client.IPv4, connection.Server.Remote().Address);
        string line = await lab.Mesh.AccessLine("direction=\"inbound\"", $"dst.addr={lab.Neighbour.IPv4}:{connection.Port}");
        Assert.Contains($"src.identity=\"{ClientIdentity}\"", line, StringComparison.Ordinal);
    }
}

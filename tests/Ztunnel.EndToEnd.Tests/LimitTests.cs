using System.Globalization;
using System.Net.Sockets;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Proxy;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What one pod may take of its node, and what the others notice of a pod that takes all it can.</summary>
[Collection(nameof(Alone))]
public sealed class LimitTests
{
    [Theory]
    [InlineData("a", SameNodePath.Tunnel, "outbound")]
    [InlineData("b", SameNodePath.Tunnel, "inbound")]
    [InlineData("a", SameNodePath.Direct, "outbound")]
    public async Task A_pod_has_no_more_connections_open_than_its_limit(string limitedNode, SameNodePath sameNode, string direction)
    {
        await using MeshLab mesh = await Start(limitedNode, sameNode, new WorkloadLimits { Connections = 2 });
        LabPod client = mesh.Pod("client"), server = mesh.Pod(sameNode == SameNodePath.Direct ? "neighbour" : "server");
        await using EchoServer echo = EchoServer.Start(server);
        using EchoClient first = await EchoServer.Connect(client, server.IPv4);
        using EchoClient second = await EchoServer.Connect(client, server.IPv4);

        FailedConnection refused = await PodSocket.Fail(client, server.IPv4, EchoServer.Port);

        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        await mesh.AccessLine($"direction=\"{direction}\"", "error=\"TooManyConnections: the workload has 2 open, which is its limit\"");
        Assert.Equal("still there", await first.Echo("still there"));
        await second.Close();
        await MeshLab.Eventually("a place to be free", async () => await EchoServer.Greeting(client, server.IPv4) is not null);
    }

    [Fact]
    public async Task The_limit_of_connections_to_a_pod_holds_for_those_handed_over_and_those_in_plaintext_too()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("client").Pod("server").Pod("stranger", "outside"),
            configure: options => options with { Proxy = options.Proxy with { Limits = new WorkloadLimits { Connections = 1 } } });
        LabPod client = mesh.Pod("client"), server = mesh.Pod("server"), stranger = mesh.Pod("stranger");
        await using EchoServer echo = EchoServer.Start(server);
        using (EchoClient first = await EchoServer.Connect(stranger, server.IPv4))
        {
            FailedConnection handed = await PodSocket.Fail(client, server.IPv4, EchoServer.Port);
            FailedConnection plain = await PodSocket.Fail(stranger, server.IPv4, EchoServer.Port);
            await mesh.AccessLine("direction=\"inbound\"", $"src.addr={handed.Client}", "src.identity=", "TooManyConnections");
            await mesh.AccessLine("direction=\"outbound\"", $"src.addr={handed.Client}", "TooManyConnections");
            await mesh.AccessLine("direction=\"inbound\"", $"src.addr={plain.Client}", "TooManyConnections");
            await first.Close();
        }

        await MeshLab.Eventually("the place to be free", async () => await EchoServer.Greeting(client, server.IPv4) is not null);
    }

    [Fact]
    public async Task A_pod_makes_no_more_new_connections_a_second_than_its_limit()
    {
        await using MeshLab mesh = await Start("a", SameNodePath.Direct, new WorkloadLimits { ConnectionsPerSecond = 1 });
        LabPod client = mesh.Pod("client"), neighbour = mesh.Pod("neighbour"), server = mesh.Pod("server");
        await using EchoServer echo = EchoServer.Start(server);

        string?[] greetings = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => EchoServer.Greeting(client, server.IPv4)));

        Assert.Contains(greetings, greeting => greeting is not null);
        Assert.Contains(greetings, greeting => greeting is null);
        await mesh.AccessLine("direction=\"outbound\"", $"src.addr={client.IPv4}:", "error=\"ConnectionRateExceeded: the workload may make 1 a second\"");
        Assert.NotNull(await EchoServer.Greeting(neighbour, server.IPv4));
        await MeshLab.Eventually("a new second", async () => await EchoServer.Greeting(client, server.IPv4) is not null);
    }

    [Fact]
    public async Task Who_is_silent_in_its_handshake_keeps_no_peer_from_a_pod()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client");
                lab.Node("b").Pod("server").Pod("stranger", "outside");
            },
            configure: options => options with
            {
                Proxy = options.Proxy with { HandshakeTimeout = TimeSpan.FromMinutes(10), Limits = new WorkloadLimits { HandshakesPerWorker = 2 } },
            });
        LabPod client = mesh.Pod("client"), server = mesh.Pod("server");
        await using EchoServer echo = EchoServer.Start(server);
        var silent = new List<Socket>();
        try
        {
            for (int i = 0; i < 20; i++)
                silent.Add(await PodSocket.Connect(mesh.Pod("stranger"), server.IPv4, 15008));

            // Two of each worker are left to wait, and those are the last that came.
            SocketException cut = await Assert.ThrowsAsync<SocketException>(async () => await silent[0].ReceiveAsync(new byte[1]));
            Assert.Equal(SocketError.ConnectionReset, cut.SocketErrorCode);
            await mesh.AccessLine("direction=\"inbound\"", $"src.addr={mesh.Pod("stranger").IPv4}", "TooManyHandshakes: 2 later ones");
            Assert.False(silent[^1].Poll(0, SelectMode.SelectRead));
            Assert.NotNull(await EchoServer.Greeting(client, server.IPv4));
        }
        finally
        {
            silent.ForEach(socket => socket.Dispose());
        }
    }

    [Theory]
    [InlineData(SameNodePath.Tunnel)]
    [InlineData(SameNodePath.Direct)]
    public async Task When_too_much_is_held_for_a_pod_its_greediest_connections_end_and_no_others(SameNodePath sameNode)
    {
        const int Stalled = 12;
        await using MeshLab mesh = await Start("a", sameNode, new WorkloadLimits { HeldBytes = 300_000 });
        LabPod client = mesh.Pod("client"), server = mesh.Pod(sameNode == SameNodePath.Direct ? "neighbour" : "server");
        await using EchoServer echo = EchoServer.Start(server);
        using EchoClient modest = await EchoServer.Connect(client, server.IPv4);
        using EchoClient other = await EchoServer.Connect(mesh.Pod(sameNode == SameNodePath.Direct ? "server" : "neighbour"), server.IPv4);
        using PodListener deaf = PodListener.Start(server);
        var connections = new List<PodConnection>();
        try
        {
            for (int i = 0; i < Stalled; i++)
                connections.Add(await PodConnection.Open(client, deaf, server.IPv4, deaf.Port));
            Task[] sending = [.. connections.Select(connection => connection.Client.SendAll(new byte[64 * 1024 * 1024]))];
            Task<Task> broken = Task.WhenAny(sending);

            await mesh.AccessLine("direction=\"outbound\"", "error=\"MemoryLimit: more than 300000 bytes are held for the workload's receivers, which is its limit\"");
            await Assert.ThrowsAsync<SocketException>(async () => await await broken);
            Assert.Equal("well", await modest.Echo("well"));
            Assert.Equal("well", await other.Echo("well"));
        }
        finally
        {
            connections.ForEach(connection => connection.Dispose());
        }
    }

    [Fact]
    public async Task A_pod_that_takes_all_it_can_leaves_the_others_their_turns()
    {
        const int Exchanges = 100;
        await using MeshLab mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("noisy").Pod("sink").Pod("quiet").Pod("server"),
            configure: options => options with { Workers = 1 });
        LabPod noisy = mesh.Pod("noisy"), sink = mesh.Pod("sink");
        await using EchoServer echo = EchoServer.Start(mesh.Pod("server"));
        await using EchoServer churned = EchoServer.Start(sink);
        using EchoClient client = await EchoServer.Connect(mesh.Pod("quiet"), mesh.Pod("server").IPv4);
        var processes = new List<LabProcess>();
        using var churning = new CancellationTokenSource();
        Task<int> churn = Churn(noisy, sink, churning.Token);
        // Several programs make the noise, so that the agent's one worker is what is short.
        foreach (string port in new[] { "5201", "5202", "5203" })
        {
            processes.Add(await sink.Start(new LabCommand("iperf3", "-s", "-p", port)));
            await MeshLab.Eventually("the sink to listen", async () => (await sink.Exec("ss", "-Htln", "sport", "=", $":{port}")).Output != "");
            processes.Add(await noisy.Start(new LabCommand("iperf3", "-c", $"{sink.IPv4}", "-p", port, "-P", "64", "-t", "120")));
        }

        await MeshLab.Eventually("the noise to be loud", async () => await Received(sink) > 200_000_000);

        long before = await Received(sink);
        for (int i = 0; i < Exchanges; i++)
            Assert.Equal("x", await client.Echo("x"));
        long noise = (await Received(sink) - before) / Exchanges;
        await churning.CancelAsync();
        foreach (LabProcess process in processes)
            await process.DisposeAsync();

        TestContext.Current.TestOutputHelper?.WriteLine($"{noise / 1024} KiB of noise for each exchange, and {await churn} connections in all");
        Assert.InRange(noise, 1, 24 * 1024 * 1024);
    }

    private static Task<MeshLab> Start(string limitedNode, SameNodePath sameNode, WorkloadLimits limits) => MeshLab.Start(
        lab =>
        {
            lab.Node("a").Pod("client").Pod("neighbour");
            lab.Node("b").Pod("server");
        },
        configure: options => options.Node == limitedNode ? options with { Proxy = options.Proxy with { SameNode = sameNode, Limits = limits } } : options);

    /// <summary>Connects and ends, over and over; returns how often.</summary>
    private static async Task<int> Churn(LabPod from, LabPod to, CancellationToken stop)
    {
        int made = 0;
        while (!stop.IsCancellationRequested)
        {
            await EchoServer.Greeting(from, to.IPv4);
            made++;
        }

        return made;
    }

    /// <summary>Bytes that came to applications of the pod from our sockets beside them.</summary>
    private static async Task<long> Received(LabPod pod)
    {
        ProcessResult result = await pod.Exec("cat", "/proc/self/net/dev");
        string line = result.Output.Split('\n').Single(line => line.TrimStart().StartsWith("lo:", StringComparison.Ordinal));
        return long.Parse(line.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture);
    }
}

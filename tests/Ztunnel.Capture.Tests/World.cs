using System.Net;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Capture.Tests;

/// <summary>One node with two pods, <c>pod</c> to be captured and <c>peer</c>, and a loop for connections in their namespaces.</summary>
internal sealed class World : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan NoAnswer = TimeSpan.FromSeconds(2);

    private World(LabNetwork lab) => Lab = lab;

    public LabNetwork Lab { get; }

    public EventLoop Loop { get; } = EventLoop.Start(0);

    public LabPod Pod => Lab.Pod("pod");

    public LabPod Peer => Lab.Pod("peer");

    public static async Task<World> Build() => new(await LabNetwork.Build(lab => lab.Node("node").Pod("pod").Pod("peer")));

    /// <summary>A world whose pod has the rules.</summary>
    public static async Task<World> Captured()
    {
        World world = await Build();
        await world.Install();
        return world;
    }

    public static IPAddress AddressOf(LabHost host, bool ipv6) => ipv6 ? host.IPv6 : host.IPv4;

    public async Task Install(string? rules = null)
    {
        PodFirewall.EnsureRouting(Pod.NetworkNamespace, ipv6: true);
        await Nft(rules ?? PodRules.Install);
    }

    public async Task Nft(string rules)
    {
        ProcessResult result = await Pod.NetworkNamespace.RunProcess("nft", ["-f", "-"], rules);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    public Acceptor Listen(LabHost host, int port, bool ipv6) =>
        new(Loop, host.NetworkNamespace, new IPEndPoint(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, port));

    /// <summary>Connects and sends a line, so that whoever accepts it can tell that it works.</summary>
    public Task<TcpConnection> Connect(LabHost from, IPAddress to, int port, TcpOptions? options = null, IPAddress? source = null, int sourcePort = 0) =>
        Loop.RunAsync(async () => await TcpConnection.ConnectAsync(
            Loop, from.NetworkNamespace, source is null ? null : new IPEndPoint(source, sourcePort), new IPEndPoint(to, port), options ?? new TcpOptions(), NoAnswer));

    public async Task<FailureKind> ConnectFails(LabHost from, IPAddress to, int port) =>
        (await Assert.ThrowsAsync<ChannelException>(() => Connect(from, to, port))).Failure.Kind;

    /// <summary>Sends a word each way and checks that it arrives.</summary>
    public Task Converse(TcpConnection one, TcpConnection other) => Loop.RunAsync(async () =>
    {
        await Say(one, other, "ping");
        await Say(other, one, "pong");
    });

    public async ValueTask DisposeAsync()
    {
        Loop.Dispose();
        await Lab.DisposeAsync();
    }

    private static async Task Say(TcpConnection from, TcpConnection to, string word)
    {
        using var deadline = new CancellationTokenSource(Patience);
        await from.WriteAsync(Encoding.ASCII.GetBytes(word), deadline.Token);
        byte[] buffer = new byte[16];
        int count = await to.ReadAsync(buffer, deadline.Token);
        Assert.Equal(word, Encoding.ASCII.GetString(buffer, 0, count));
    }
}

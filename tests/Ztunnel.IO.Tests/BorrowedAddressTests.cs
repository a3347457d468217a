using System.Net;

namespace Ztunnel.IO.Tests;

/// <summary>Where captured connections were going, and connecting from addresses that are not ours.</summary>
public sealed class BorrowedAddressTests
{
    [Theory]
    [InlineData("198.51.100.7")]
    [InlineData("2001:db8::7")]
    public async Task A_redirected_connection_knows_its_original_destination(string destination)
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        IPEndPoint original = new(IPAddress.Parse(destination), 80);
        bool v6 = destination.Contains(':', StringComparison.Ordinal);
        await TwoNamespaces.Ip(ns, "route add default dev lo", "-6 route add default dev lo", "-6 addr add fd00::9/128 dev lo");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(
                ns, new IPEndPoint(v6 ? IPAddress.IPv6Any : IPAddress.Any, 15001), new TcpListenOptions());
            await TwoNamespaces.Nft(ns, "nat hook output priority -100", "tcp dport 80 redirect to :15001");
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);

            TcpConnection client = await TcpConnection.ConnectAsync(loop, ns, null, original, new TcpOptions(), Loops.ConnectTimeout);

            TcpConnection server = await accepted.Task;
            Assert.Equal(original, server.OriginalDestination());
            Assert.Equal(15001, server.LocalEndPoint.Port);
            client.Dispose();
            server.Dispose();
        });
    }

    [Fact]
    public async Task Without_a_connection_tracker_entry_there_is_no_original_destination()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(ns, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            TcpConnection client = await TcpConnection.ConnectAsync(
                loop, ns, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout);
            TcpConnection server = await accepted.Task;

            Assert.Null(server.OriginalDestination());
            client.Dispose();
            server.Dispose();
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connection_taken_by_tproxy_knows_its_original_destination(bool v6)
    {
        using TwoNamespaces net = await TwoNamespaces.Create();
        IPEndPoint original = new(IPAddress.Parse(v6 ? "2001:db8::7" : "198.51.100.7"), 80);
        await TwoNamespaces.Ip(
            net.Left, "route add default via 10.0.0.2", "-6 route add default via fd00::2");
        await TwoNamespaces.Ip(
            net.Right,
            "rule add fwmark 1 lookup 100",
            "-6 rule add fwmark 1 lookup 100",
            "route add local default dev lo table 100",
            "-6 route add local default dev lo table 100");
        await TwoNamespaces.Nft(
            net.Right,
            "filter hook prerouting priority mangle",
            "meta nfproto ipv4 tcp dport 80 tproxy ip to :15001 meta mark set 1 accept",
            "meta nfproto ipv6 tcp dport 80 tproxy ip6 to :15001 meta mark set 1 accept");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(
                net.Right,
                new IPEndPoint(v6 ? IPAddress.IPv6Any : IPAddress.Any, 15001),
                new TcpListenOptions { Connection = new TcpOptions { Transparent = true } });
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);

            TcpConnection client = await TcpConnection.ConnectAsync(
                loop, net.Left, null, original, new TcpOptions(), Loops.ConnectTimeout);

            TcpConnection server = await accepted.Task;
            Assert.Equal(original, server.OriginalDestination());
            Assert.Equal(original, server.LocalEndPoint);
            Assert.Equal(TwoNamespaces.Address(1, v6), server.RemoteEndPoint.Address);
            client.Dispose();
            server.Dispose();
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connection_can_be_made_from_an_address_that_is_not_ours(bool v6)
    {
        using TwoNamespaces net = await TwoNamespaces.Create();
        IPAddress borrowed = IPAddress.Parse(v6 ? "2001:db8::7" : "198.51.100.7");
        await TwoNamespaces.Ip(net.Right, "route add default via 10.0.0.1", "-6 route add default via fd00::1");
        await TwoNamespaces.Ip(
            net.Left,
            "rule add iif cable lookup 100",
            "-6 rule add iif cable lookup 100",
            "route add local default dev lo table 100",
            "-6 route add local default dev lo table 100");
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(
                net.Right, new IPEndPoint(TwoNamespaces.Address(2, v6), 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            TcpOptions options = new() { Transparent = true, BindAddressNoPort = true };

            TcpConnection client = await TcpConnection.ConnectAsync(
                loop, net.Left, new IPEndPoint(borrowed, 0), listener.LocalEndPoint, options, Loops.ConnectTimeout);

            TcpConnection server = await accepted.Task;
            Assert.Equal(borrowed, server.RemoteEndPoint.Address);
            await server.WriteAsync("hello"u8.ToArray());
            Assert.Equal(5, await client.ReadAsync(new byte[8]));
            client.Dispose();
            server.Dispose();

            ChannelException refused = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, net.Left, new IPEndPoint(borrowed, 0), listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout));
            Assert.Equal(FailureKind.Local, refused.Failure.Kind);
        });
    }

    [Fact]
    public async Task A_connect_that_nobody_answers_times_out()
    {
        using TwoNamespaces net = await TwoNamespaces.Create();
        await TwoNamespaces.Nft(net.Right, "filter hook input priority 0", "tcp dport 80 drop");
        await Loops.OnLoop(async loop =>
        {
            IPEndPoint silent = new(TwoNamespaces.Address(2, v6: false), 80);

            ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, net.Left, null, silent, new TcpOptions(), TimeSpan.FromMilliseconds(50)));

            Assert.Equal(FailureKind.TimedOut, error.Failure.Kind);
            Assert.Equal("connect to 10.0.0.2:80: no answer in time", error.Message);
            Assert.Equal(0, loop.Load);
        });
    }

    [Theory]
    [InlineData("reject with icmpx host-unreachable", FailureKind.Unreachable)]
    [InlineData("reject with tcp reset", FailureKind.Refused)]
    public async Task A_connect_that_is_rejected_on_the_way_says_how(string verdict, FailureKind kind)
    {
        using TwoNamespaces net = await TwoNamespaces.Create();
        await TwoNamespaces.Nft(net.Right, "filter hook input priority 0", $"tcp dport 80 {verdict}");
        foreach (bool v6 in new[] { false, true })
        {
            await Loops.OnLoop(async loop =>
            {
                ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                    loop, net.Left, null, new IPEndPoint(TwoNamespaces.Address(2, v6), 80), new TcpOptions(), Loops.ConnectTimeout));
                Assert.Equal(kind, error.Failure.Kind);
            });
        }
    }

    [Fact]
    public async Task A_cancelled_connect_gives_up_its_socket()
    {
        using TwoNamespaces net = await TwoNamespaces.Create();
        await TwoNamespaces.Nft(net.Right, "filter hook input priority 0", "tcp dport 80 drop");
        await Loops.OnLoop(async loop =>
        {
            using CancellationTokenSource source = new();
            Task<TcpConnection> connect = TcpConnection.ConnectAsync(
                loop, net.Left, null, new IPEndPoint(TwoNamespaces.Address(2, v6: false), 80), new TcpOptions(), Loops.ConnectTimeout, source.Token).AsTask();
            Assert.Equal(1, loop.Load);
            await source.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connect);
            Assert.Equal(0, loop.Load);
        });
    }
}

using System.Net;

namespace Ztunnel.IO.Tests;

public sealed class TcpListenerTests
{
    [Fact]
    public async Task Connections_are_spread_evenly_and_delivered_on_their_worker()
    {
        const int Connections = 300;
        using EventLoopGroup workers = EventLoopGroup.Start(3);
        using EventLoop clients = EventLoop.Start(9);
        using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        int strays = 0;
        using CountdownEvent accepted = new(Connections);
        listener.Start(workers.Loops[0], workers.Loops, connection =>
        {
            if (!connection.Loop.IsCurrent)
                Interlocked.Increment(ref strays);
            accepted.Signal();
        });

        await clients.RunAsync(async () =>
        {
            for (int i = 0; i < Connections; i++)
                await TcpConnection.ConnectAsync(clients, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout);
        }).WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);

        Assert.True(accepted.Wait(Loops.Patience, TestContext.Current.CancellationToken));
        Assert.Equal(0, strays);
        Assert.All(workers.Loops, loop => Assert.Equal(Connections / 3, loop.Load));
        Assert.Equal(Connections, clients.Load);
    }

    [Fact]
    public void An_address_in_use_is_named()
    {
        using TcpListener first = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());

        ChannelException error = Assert.Throws<ChannelException>(
            () => TcpListener.Listen(null, first.LocalEndPoint, new TcpListenOptions()));

        Assert.Equal(FailureKind.Local, error.Failure.Kind);
        Assert.Equal($"bind {first.LocalEndPoint}: Address already in use", error.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whichever_stops_leaves_a_shared_socket_to_the_other_which_closes_it_once_it_is_its_own(bool first)
    {
        await Loops.OnLoop(async loop =>
        {
            using TcpListener one = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            using TcpListener two = TcpListener.Adopt(one.Share()!, new TcpListenOptions());
            TcpListener left = first ? two : one;
            TaskCompletionSource<TcpConnection> accepted = new();
            one.Start(loop, [loop], accepted.SetResult);
            two.Start(loop, [loop], accepted.SetResult);
            (first ? one : two).Stop();
            await loop.YieldAsync();

            using TcpConnection client = await TcpConnection.ConnectAsync(
                loop, null, null, left.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout);
            (await accepted.Task.WaitAsync(Loops.ConnectTimeout)).Dispose();
            left.Own();
            left.Stop();
            ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, null, null, left.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout));
            Assert.Equal(FailureKind.Refused, error.Failure.Kind);
        });
    }

    [Fact]
    public async Task A_stopped_listener_refuses_at_once_and_keeps_what_it_accepted()
    {
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.IPv6Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            TcpConnection client = await TcpConnection.ConnectAsync(
                loop, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout);
            TcpConnection server = await accepted.Task;

            listener.Stop();

            ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout));
            Assert.Equal(FailureKind.Refused, error.Failure.Kind);
            await client.WriteAsync("x"u8.ToArray());
            Assert.Equal(1, await server.ReadAsync(new byte[4]));
            client.Dispose();
            server.Dispose();
        });
    }
}

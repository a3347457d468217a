using Ztunnel.IO;

namespace Ztunnel.Proxy.Tests;

/// <summary>A pod that saturates a loop with connections, and another beside it with one.</summary>
public sealed class LoopShareTests
{
    private const int BulkConnections = 48;
    private const int Exchanges = 100;
    private const long EnoughNoise = 64 * 1024 * 1024;

    [Fact]
    public async Task What_a_pod_waits_for_is_a_round_of_the_noisy_one_and_not_of_each_of_its_connections()
    {
        // The noise is made and swallowed by another thread; the quiet pod's ends are on the loop itself, so that nothing is
        // measured but how often it has its turn.
        using EventLoop loop = EventLoop.Start(0);
        using EventLoop noise = EventLoop.Start(1);
        await loop.RunAsync(async () =>
        {
            var noisy = new LoopShare(loop);
            var relays = new List<Relay>();
            for (int i = 0; i < BulkConnections; i++)
            {
                (TcpConnection clientSide, TcpConnection serverSide) = await Saturate(loop, noise);
                var relay = new Relay(clientSide, serverSide, noisy, Timeout.InfiniteTimeSpan);
                relays.Add(relay);
                _ = relay.RunAsync();
            }

            (TcpConnection client, TcpConnection quietClient) = await Tcp.Connect(loop, loop);
            (TcpConnection quietServer, TcpConnection server) = await Tcp.Connect(loop, loop);
            _ = new Relay(quietClient, quietServer, new LoopShare(loop), Timeout.InfiniteTimeSpan).RunAsync();
            await Exchange(client, server, 10);

            // Until there was noise enough: those who make it may have had no core for a while.
            long before = relays.Sum(relay => relay.BytesToServer), noiseSoFar = 0;
            int exchanges = 0;
            for (; exchanges < Exchanges || noiseSoFar < EnoughNoise; exchanges++)
            {
                await Exchange(client, server, 1);
                noiseSoFar = relays.Sum(relay => relay.BytesToServer) - before;
            }

            long each = noiseSoFar / exchanges;
            TestContext.Current.SendDiagnosticMessage($"{each / 1024} KiB of noise for an exchange");
            // Four hops, each at most the rest of one time round and the next.
            Assert.InRange(each, 1, 8 * LoopShare.BytesPerRound);
        }).WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Connections_of_one_pod_take_turns()
    {
        using EventLoop loop = EventLoop.Start(0);
        using EventLoop noise = EventLoop.Start(1);
        await loop.RunAsync(async () =>
        {
            var share = new LoopShare(loop);
            var relays = new List<Relay>();
            for (int i = 0; i < 8; i++)
            {
                (TcpConnection clientSide, TcpConnection serverSide) = await Saturate(loop, noise);
                relays.Add(new Relay(clientSide, serverSide, share, Timeout.InfiniteTimeSpan));
            }

            relays.ForEach(relay => _ = relay.RunAsync());
            while (relays.Sum(relay => relay.BytesToServer) < 200_000_000)
                await loop.DelayAsync(TimeSpan.FromMilliseconds(1));

            // Each got a good part of its eighth.
            Assert.All(relays, relay => Assert.InRange(relay.BytesToServer, 200_000_000 / 8 / 5, long.MaxValue));
        }).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static async Task Exchange(TcpConnection client, TcpConnection server, int times)
    {
        byte[] one = new byte[1];
        for (int i = 0; i < times; i++)
        {
            await client.WriteAsync(one);
            Assert.Equal(1, await server.ReadAsync(one));
            await server.WriteAsync(one);
            Assert.Equal(1, await client.ReadAsync(one));
        }
    }

    /// <summary>Two connections whose near ends are on <paramref name="loop"/>: into one <paramref name="noise"/> sends all it can, what comes out of the other it swallows.</summary>
    private static async Task<(TcpConnection ClientSide, TcpConnection ServerSide)> Saturate(EventLoop loop, EventLoop noise)
    {
        (TcpConnection sender, TcpConnection clientSide) = await Tcp.Connect(noise, loop);
        (TcpConnection receiver, TcpConnection serverSide) = await Tcp.Connect(noise, loop);
        noise.Post(
            state =>
            {
                _ = Send(sender);
                _ = Swallow(receiver);
            },
            null);
        return (clientSide, serverSide);
    }

    private static async Task Send(TcpConnection to)
    {
        byte[] block = new byte[128 * 1024];
        try
        {
            while (true)
                await to.WriteAsync(block);
        }
        catch (ChannelException)
        {
            // The test is over.
        }
    }

    private static async Task Swallow(TcpConnection from)
    {
        while (true)
        {
            switch (from.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    from.Consume(chunk.Length);
                    await from.Loop.YieldAsync();
                    break;
                case ReadStatus.Pending:
                    await from.WaitForReadAsync();
                    break;
                default:
                    return;
            }
        }
    }
}

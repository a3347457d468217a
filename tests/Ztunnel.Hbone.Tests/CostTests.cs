using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Tests;

/// <summary>What tunnels cost: nothing per frame or byte, and little while idle.</summary>
[Collection(nameof(Alone))]
public sealed class CostTests
{
    private static readonly byte[] BulkBuffer = new byte[Chunk.StandardHeadroom + (256 * 1024)];

    [Fact]
    public async Task Traffic_through_a_tunnel_allocates_nothing()
    {
        await OnLoop.Run(async loop =>
        {
            (HboneConnection client, _) = await OverTcp(loop, Tunnels.Echo);
            HboneStream pingPong = await Open(client);
            HboneStream bulk = await Open(client);
            Counter counter = new();
            _ = CountBytes(bulk, counter);
            await Exchange(pingPong, 2_000);
            await SendBulk(bulk, counter, 32 * 1024 * 1024);

            long before = GC.GetAllocatedBytesForCurrentThread();
            await Exchange(pingPong, 5_000);
            await SendBulk(bulk, counter, 64 * 1024 * 1024);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

            // Two async calls of this test, a timer and the like: not 5,000 of anything.
            Assert.InRange(allocated, 0, 16 * 1024);
            Assert.Equal(0, client.UnreadBytes);
        });
    }

    [Fact]
    public async Task An_idle_tunnel_costs_less_than_five_hundred_bytes_at_each_end()
    {
        const int Count = 10_000;
        await OnLoop.Run(async loop =>
        {
            List<HboneStream> held = new(2 * Count);
            HboneOptions options = new() { MaxConcurrentStreams = 2 * Count };
            (HboneConnection client, _) = await OverTcp(
                loop,
                incoming =>
                {
                    held.Add(incoming.Accept());
                    _ = held[^1].WaitForReadAsync();
                    return ValueTask.CompletedTask;
                },
                options);
            await Open(client);
            await loop.Until(() => client.StreamLimit > Count);
            long before = GC.GetTotalMemory(forceFullCollection: true);
            for (int i = 0; i < Count; i++)
            {
                held.Add(await Open(client));
                _ = held[^1].WaitForReadAsync();
            }

            long used = GC.GetTotalMemory(forceFullCollection: true) - before;
            Assert.InRange(used / (2 * Count), 100, 500);
            Assert.Equal(0, loop.Buffers.RentedBytes);
            GC.KeepAlive(held);
        });
    }

    private static async Task<(HboneConnection Client, HboneConnection Server)> OverTcp(
        EventLoop loop, Func<IncomingConnect, ValueTask> handler, HboneOptions? serverOptions = null)
    {
        using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        TaskCompletionSource<TcpConnection> accepted = new();
        listener.Start(loop, [loop], accepted.SetResult);
        TcpConnection client = await TcpConnection.ConnectAsync(
            loop, null, null, listener.LocalEndPoint, new TcpOptions(), TimeSpan.FromSeconds(10));
        HboneConnection server = HboneConnection.Serve(await accepted.Task, handler, serverOptions);
        return (HboneConnection.Connect(client), server);
    }

    private static async Task<HboneStream> Open(HboneConnection client) =>
        Assert.IsType<ConnectOutcome.Opened>(await client.OpenAsync(new ConnectRequest("10.0.0.1:80"))).Stream;

    /// <summary>Sends a byte and waits for it to come back, again and again.</summary>
    private static async Task Exchange(HboneStream stream, int rounds)
    {
        byte[] buffer = new byte[Chunk.StandardHeadroom + 100];
        for (int i = 0; i < rounds; i++)
        {
            if (stream.TryWrite(new Chunk(buffer, Chunk.StandardHeadroom)) != 100)
                throw new InvalidOperationException("There is room for so little.");
            for (int read = 0; read < 100;)
            {
                int count = Take(stream);
                read += count;
                if (count == 0)
                    await stream.WaitForReadAsync();
            }
        }
    }

    private static async Task SendBulk(HboneStream stream, Counter counter, long bytes)
    {
        long end = counter.Bytes + bytes;
        for (long sent = 0; sent < bytes;)
        {
            int most = (int)Math.Min(256 * 1024, bytes - sent);
            int taken = stream.TryWrite(new Chunk(BulkBuffer, Chunk.StandardHeadroom).Take(most));
            sent += taken;
            if (taken < most)
                await stream.WaitForWriteAsync();
        }

        while (counter.Bytes < end)
            await stream.Loop.YieldAsync();
    }

    private static async Task CountBytes(HboneStream stream, Counter counter)
    {
        while (stream.Failure is null)
        {
            int count = Take(stream);
            counter.Bytes += count;
            if (count == 0)
                await stream.WaitForReadAsync();
        }
    }

    private static int Take(HboneStream stream)
    {
        if (stream.TryRead(out Chunk chunk) != ReadStatus.Data)
            return 0;
        stream.Consume(chunk.Length);
        return chunk.Length;
    }

    private sealed class Counter
    {
        public long Bytes { get; set; }
    }
}

/// <summary>Tests that measure the process, and so cannot share it.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

/// <summary>What a peer of TLS may do to us, and where that ends; and the limits we keep to ourselves.</summary>
public sealed class TlsLimitsTests
{
    [Fact]
    public async Task A_peer_that_updates_its_key_all_the_time_is_broken_off()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await Connect(loop, recordsPerKey: 0);
            for (int i = 0; i < 200; i++)
                Assert.Equal(1, near.TryWrite(new Chunk(new byte[1], 0)));

            (byte[] read, ReadStatus end) = await Loops.ReadAll(far);

            Assert.Equal(ReadStatus.Failed, end);
            Assert.InRange(read.Length, 0, 100);
            Assert.Equal(new ChannelFailure(FailureKind.Tls, "too many TLS records that carry nothing"), far.Failure);
            near.Dispose();
            far.Dispose();
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task A_peer_that_updates_its_key_now_and_then_is_not()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            (TlsConnection near, TlsConnection far) = await Connect(loop, recordsPerKey: 0);
            for (int round = 0; round < 10; round++)
            {
                for (int i = 0; i < 40; i++)
                    Assert.Equal(1, near.TryWrite(new Chunk(new byte[1], 0)));
                for (int left = 40; left > 0;)
                    left -= await far.ReadAsync(new byte[left]);
                time.Advance(TimeSpan.FromSeconds(40));
            }

            near.Dispose();
            far.Dispose();
        }).WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_key_is_replaced_after_so_many_records_and_the_peer_does_not_notice()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await Connect(loop, recordsPerKey: 100);
            TcpConnection transport = (TcpConnection)near.Transport;
            long before = transport.BytesWritten;
            byte[] content = TlsPair.RandomBytes(4_000);
            Task<(byte[] Bytes, ReadStatus End)> reading = Loops.ReadAll(far);
            for (int i = 0; i < content.Length; i++)
            {
                await near.WriteAsync(content.AsMemory(i, 1));
                if (i % 50 == 0)
                    await loop.YieldAsync();
            }

            near.ShutdownWrite();
            Assert.Equal(content, (await reading).Bytes);
            const int CloseNotify = 2 + TlsRecord.Overhead;
            const int KeyUpdate = 5 + TlsRecord.Overhead;
            int updates = (int)(transport.BytesWritten - before - (4_000 * (1 + TlsRecord.Overhead)) - CloseNotify) / KeyUpdate;
            Assert.InRange(updates, 39, 40);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task A_disposed_connection_does_not_wait_for_ever_for_a_peer_that_stopped_reading()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            using TlsAuthority authority = new();
            using TlsContext context = authority.Context("both");
            (MemoryChannel one, MemoryChannel other) = MemoryChannel.Pair(loop, new MemoryChannelOptions { Capacity = 50_000 });
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(one, other, context, context);
            far.ShutdownWrite();
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(near)).End);
            Assert.Equal(100_000, near.TryWrite(new Chunk(new byte[100_000], 0)));
            near.ShutdownWrite();

            near.Dispose();
            time.Advance(TimeSpan.FromSeconds(29));
            await SettleAsync(loop);
            Assert.NotEqual(0, loop.Buffers.RentedBytes);
            Assert.False(one.IsDisposed);
            time.Advance(TimeSpan.FromSeconds(2));
            await SettleAsync(loop);

            Assert.True(one.IsDisposed);
            Assert.Equal(0, loop.Buffers.RentedBytes);
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(far)).End);
            far.Dispose();
        }).WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Nothing_that_comes_right_behind_the_handshake_is_lost_however_much_it_is()
    {
        using TlsAuthority authority = new();
        using TlsContext context = authority.Context("both");
        await Loops.OnLoop(async loop =>
        {
            TcpOptions large = new() { SendBuffer = 4 * 1024 * 1024, ReceiveBuffer = 4 * 1024 * 1024 };
            (TcpConnection one, TcpConnection other) = await Loops.ConnectedPair(loop, large);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(other, context, TlsPair.Timeout).AsTask();
            TlsConnection near = await TlsConnection.ConnectAsync(one, context, null, TlsPair.Timeout);
            byte[] content = TlsPair.RandomBytes(1_000_000);
            int sent = 0;
            // Records of this size do not fill the memory they are opened into.
            while (sent < content.Length && near.TryWrite(new Chunk(content.AsSpan(sent, 8_000), 0)) is > 0 and int taken)
                sent += taken;
            Assert.True(sent > 300_000, $"Only {sent} bytes went out in one go.");
            Assert.False(accepting.IsCompleted);
            await near.WriteAsync(content.AsMemory(sent));
            near.ShutdownWrite();

            TlsConnection far = await accepting;
            (byte[] read, ReadStatus end) = await Loops.ReadAll(far);

            Assert.Equal(ReadStatus.End, end);
            Assert.True(content.AsSpan().SequenceEqual(read));
            near.Dispose();
            far.Dispose();
        });
    }

    /// <summary>Lets happen what can happen now.</summary>
    private static async Task SettleAsync(EventLoop loop)
    {
        for (int turn = 0; turn < 20; turn++)
            await loop.YieldAsync();
    }

    /// <summary>A pair whose first side replaces its key after so many records.</summary>
    private static async Task<(TlsConnection Near, TlsConnection Far)> Connect(EventLoop loop, long recordsPerKey)
    {
        using TlsAuthority authority = new();
        using TlsContext near = new(new TlsContextOptions { Verifier = new TlsRule(), RecordsPerKey = recordsPerKey });
        authority.Update(near, "near");
        using TlsContext far = authority.Context("far");
        return await TlsPair.Connect(loop, near, far);
    }
}

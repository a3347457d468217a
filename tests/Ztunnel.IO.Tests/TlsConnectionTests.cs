using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

public sealed class TlsConnectionTests
{
    [Fact]
    public async Task Each_side_ends_in_its_own_time()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            await near.WriteAsync("question"u8.ToArray());
            near.ShutdownWrite();
            (byte[] question, ReadStatus end) = await Loops.ReadAll(far);
            Assert.Equal("question"u8.ToArray(), question);
            Assert.Equal(ReadStatus.End, end);

            byte[] answer = TlsPair.RandomBytes(3_000_000);
            Task<(byte[] Bytes, ReadStatus End)> reading = Loops.ReadAll(near);
            await far.WriteAsync(answer);
            far.ShutdownWrite();
            (byte[] read, end) = await reading;
            Assert.Equal(answer, read);
            Assert.Equal(ReadStatus.End, end);
            near.Dispose();
            far.Dispose();
            await Loops.Until(loop, () => loop.Load == 0);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task A_transport_that_ends_without_close_notify_is_truncation()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            await near.WriteAsync("half a sen"u8.ToArray());
            await FlushedAsync(loop);
            near.Transport.ShutdownWrite();
            (byte[] read, ReadStatus end) = await Loops.ReadAll(far);

            Assert.Equal("half a sen"u8.ToArray(), read);
            Assert.Equal(ReadStatus.Failed, end);
            Assert.Equal(FailureKind.Truncated, far.Failure!.Kind);
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(near)).End);
            Assert.Equal(FailureKind.Reset, near.Failure!.Kind);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task An_abort_reaches_the_peer_as_a_reset_and_wakes_both_waits()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            ValueTask reader = near.WaitForReadAsync();
            ValueTask writer = await FillAsync(near);
            ChannelFailure reason = new(FailureKind.Closed, "enough");
            near.Abort(reason);
            await reader;
            await writer;

            Assert.Equal(ReadStatus.Failed, near.TryRead(out _));
            Assert.Equal(reason, near.Failure);
            Assert.Equal(7, near.TryWrite(new Chunk(new byte[7], 0)));
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(far)).End);
            Assert.Equal(FailureKind.Reset, far.Failure!.Kind);
            far.Dispose();
            Assert.Equal(0, loop.Load);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task Dispose_before_both_sides_ended_is_an_abort_and_after_it_nothing_is_lost()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            near.Dispose();
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(far)).End);
            far.Dispose();

            (near, far) = await TlsPair.Connect(loop);
            far.ShutdownWrite();
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(near)).End);
            int sent = 0;
            while (near.TryWrite(new Chunk(new byte[100_000], 0)) is > 0 and int taken)
                sent += taken;
            near.ShutdownWrite();
            near.Dispose();
            (byte[] read, ReadStatus end) = await Loops.ReadAll(far);
            Assert.Equal(sent, read.Length);
            Assert.Equal(ReadStatus.End, end);
            far.Dispose();
            await Loops.Until(loop, () => loop.Load == 0);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task A_peer_that_does_not_read_makes_the_writer_wait_and_then_gets_every_byte()
    {
        await Loops.OnLoop(async loop =>
        {
            TcpOptions small = new() { SendBuffer = 64 * 1024, ReceiveBuffer = 64 * 1024 };
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, small);
            byte[] content = TlsPair.RandomBytes(8_000_000);
            Task writing = near.WriteAsync(content).AsTask();
            for (int i = 0; i < 100; i++)
                await loop.YieldAsync();
            Assert.False(writing.IsCompleted);
            Assert.True(loop.Buffers.RentedBytes <= LoopBuffers.LargeBlock, "no more than one write's worth is kept");

            Task<(byte[] Bytes, ReadStatus End)> reading = Loops.ReadAll(far);
            await writing;
            near.ShutdownWrite();
            Assert.Equal(content, (await reading).Bytes);
            far.ShutdownWrite();
            Assert.Equal(ReadStatus.End, (await Loops.ReadAll(near)).End);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task Megabytes_both_ways_at_once_over_TCP_arrive_intact()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            await ExchangeAsync(near, far, new Random(1), 24 * 1024 * 1024);
        });
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 24)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Bytes_arrive_intact_both_ways_over_the_most_ragged_transport(int seed)
    {
        await Loops.OnLoop(async loop =>
        {
            using TlsAuthority authority = new();
            using TlsContext context = authority.Context("both");
            (RaggedChannel one, RaggedChannel other) = RaggedChannel.Pair(loop, seed);
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(one, other, context, context);
            await ExchangeAsync(near, far, new Random(seed), 1_500_000);
        });
    }

    [Fact]
    public async Task Single_bytes_each_arrive()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            byte[] content = TlsPair.RandomBytes(3_000);
            Task<(byte[] Bytes, ReadStatus End)> reading = Loops.ReadAll(far);
            for (int i = 0; i < content.Length; i++)
            {
                await near.WriteAsync(content.AsMemory(i, 1));
                if (i % 7 == 0)
                    await loop.YieldAsync();
            }

            near.ShutdownWrite();
            Assert.Equal(content, (await reading).Bytes);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task Small_writes_of_one_iteration_leave_in_one_send()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            TcpConnection transport = (TcpConnection)near.Transport;
            long before = transport.BytesWritten;
            for (int i = 0; i < 10; i++)
                Assert.Equal(10, near.TryWrite(new Chunk(new byte[10], 0)));
            Assert.Equal(before, transport.BytesWritten);
            await FlushedAsync(loop);
            Assert.Equal(before + (10 * (10 + TlsRecord.Overhead)), transport.BytesWritten);
            await far.WaitForReadAsync();
            Assert.Equal(ReadStatus.Data, far.TryRead(out Chunk chunk));
            Assert.Equal(100, chunk.Length);
            far.Consume(100);
            Assert.Equal(0, loop.Buffers.RentedBytes);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task A_chunk_is_lent_with_headroom_and_what_is_not_consumed_is_lent_again()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            byte[] content = TlsPair.RandomBytes(50_000);
            await near.WriteAsync(content);
            using MemoryStream read = new();
            for (Random random = new(5); read.Length < content.Length;)
            {
                await far.WaitForReadAsync();
                Assert.Equal(ReadStatus.Data, far.TryRead(out Chunk chunk));
                Assert.True(chunk.Headroom >= Chunk.StandardHeadroom);
                chunk.WithHeader(Chunk.StandardHeadroom, 0).Fill(0xff);
                int count = random.Next(Math.Min(chunk.Length, 3_000) + 1);
                read.Write(chunk.Bytes[..count]);
                far.Consume(count);
            }

            Assert.Equal(content, read.ToArray());
            Assert.Equal(0, loop.Buffers.RentedBytes);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task A_damaged_record_breaks_the_connection_and_tells_the_peer()
    {
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop);
            await near.WriteAsync("good"u8.ToArray());
            await FlushedAsync(loop);
            await near.Transport.WriteAsync(new byte[] { 23, 3, 3, 0, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 });
            (byte[] read, ReadStatus end) = await Loops.ReadAll(far);

            Assert.Equal("good"u8.ToArray(), read);
            Assert.Equal(ReadStatus.Failed, end);
            Assert.Equal(FailureKind.Tls, far.Failure!.Kind);
            Assert.Contains("bad record mac", far.Failure.Detail, StringComparison.Ordinal);
            far.Dispose();
            Assert.Equal("the peer sent TLS alert bad_record_mac (20)", (await TlsPair.RefusedLate(near)).Detail);
            await Loops.Until(loop, () => loop.Load == 0);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    /// <summary>Waits into the iteration after this one: what was gathered in this one has been sent.</summary>
    private static async Task FlushedAsync(EventLoop loop)
    {
        await loop.YieldAsync();
        await loop.YieldAsync();
    }

    /// <summary>Writes until nothing more is taken; the wait that follows.</summary>
    private static async Task<ValueTask> FillAsync(TlsConnection connection)
    {
        for (int refused = 0; refused < 10;)
        {
            refused = connection.TryWrite(new Chunk(new byte[100_000], 0)) == 0 ? refused + 1 : 0;
            await connection.Loop.YieldAsync();
        }

        ValueTask wait = connection.WaitForWriteAsync();
        Assert.False(wait.IsCompleted);
        return wait;
    }

    private static async Task ExchangeAsync(TlsConnection near, TlsConnection far, Random random, int length)
    {
        byte[] toFar = TlsPair.RandomBytes(length + random.Next(1_000));
        byte[] toNear = TlsPair.RandomBytes(length + random.Next(1_000));
        Task[] writing = [WriteRaggedAsync(near, toFar, random), WriteRaggedAsync(far, toNear, random)];
        Task<byte[]>[] reading = [ReadRaggedAsync(far, random), ReadRaggedAsync(near, random)];
        await Task.WhenAll(writing);
        byte[][] read = await Task.WhenAll(reading);
        Assert.True(toFar.AsSpan().SequenceEqual(read[0]));
        Assert.True(toNear.AsSpan().SequenceEqual(read[1]));
        near.Dispose();
        far.Dispose();
        await Loops.Until(near.Loop, () => near.Loop.Load == 0);
        Assert.Equal(0, near.Loop.Buffers.RentedBytes);
    }

    private static async Task WriteRaggedAsync(TlsConnection connection, byte[] content, Random random)
    {
        for (int at = 0; at < content.Length;)
        {
            int count = Math.Min(content.Length - at, random.Next(4) switch
            {
                0 => random.Next(1, 20),
                1 => random.Next(1, 5_000),
                _ => random.Next(1, 200_000),
            });
            int taken = connection.TryWrite(new Chunk(content.AsSpan(at, count), 0));
            Assert.Null(connection.Failure);
            at += taken;
            if (taken == 0)
                await connection.WaitForWriteAsync();
            else if (random.Next(3) == 0)
                await connection.Loop.YieldAsync();
        }

        connection.ShutdownWrite();
    }

    private static async Task<byte[]> ReadRaggedAsync(TlsConnection connection, Random random)
    {
        using MemoryStream read = new();
        while (true)
        {
            ReadStatus status = ReadPart(connection, random, read);
            Assert.NotEqual(ReadStatus.Failed, status);
            if (status == ReadStatus.End)
                return read.ToArray();
            if (status == ReadStatus.Pending)
                await connection.WaitForReadAsync();
            else if (random.Next(4) == 0)
                await connection.Loop.YieldAsync();
        }
    }

    private static ReadStatus ReadPart(TlsConnection connection, Random random, MemoryStream target)
    {
        ReadStatus status = connection.TryRead(out Chunk chunk);
        if (status == ReadStatus.Data)
        {
            int count = random.Next(2) == 0 ? chunk.Length : random.Next(chunk.Length + 1);
            target.Write(chunk.Bytes[..count]);
            connection.Consume(count);
        }

        return status;
    }
}

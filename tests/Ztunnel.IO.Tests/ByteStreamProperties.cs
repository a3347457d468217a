using FsCheck;
using FsCheck.Fluent;

namespace Ztunnel.IO.Tests;

public sealed class ByteStreamProperties
{
    /// <summary>Sizes around what matters: single bytes, blocks, the scratch buffer.</summary>
    private static readonly Gen<int> Size = Gen.OneOf(
        Gen.Choose(1, 20), Gen.Choose(1, 5_000), Gen.Choose(16_000, 70_000), Gen.Choose(250_000, 600_000));

    [Fact]
    public void Any_bytes_written_in_any_pieces_and_consumed_in_any_pieces_arrive_intact()
    {
        using EventLoop loop = EventLoop.Start(0);
        Arbitrary<(int Seed, int[] Writes, int[] Consumes)> cases = Arb.From(
            from seed in Gen.Choose(0, int.MaxValue)
            from writes in Size.ArrayOf().Resize(8)
            from consumes in Gen.OneOf(Gen.Constant(0), Size).NonEmptyListOf().Resize(12)
            select (seed, writes, consumes.ToArray()));

        Check.QuickThrowOnFailure(Prop.ForAll(cases, sample =>
            loop.RunAsync(() => ArrivesIntact(loop, sample.Seed, sample.Writes, sample.Consumes)).Wait(Loops.Patience)));
    }

    private static async Task ArrivesIntact(EventLoop loop, int seed, int[] writes, int[] consumes)
    {
        byte[] sent = new byte[writes.Sum()];
        new Random(seed).NextBytes(sent);
        (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
        Task writing = Write(client, sent, writes);
        using MemoryStream received = new();

        // Zeros leave a chunk untouched: it must come again. A pattern of nothing but zeros would never end.
        int[] pattern = [.. consumes, 1 + (seed % 100_000)];
        for (int turn = 0; ; turn++)
        {
            ReadStatus status = Take(server, received, pattern[turn % pattern.Length]);
            if (status == ReadStatus.End)
                break;
            if (status == ReadStatus.Pending)
                await server.WaitForReadAsync();
        }

        await writing;
        Assert.True(sent.AsSpan().SequenceEqual(received.ToArray()));
        Assert.Equal(sent.Length, server.BytesRead);
        Assert.Equal(0, loop.Buffers.RentedBytes);
        client.Dispose();
        server.Dispose();
    }

    private static async Task Write(TcpConnection connection, byte[] bytes, int[] sizes)
    {
        int start = 0;
        foreach (int size in sizes)
        {
            await connection.WriteAsync(bytes.AsMemory(start, size));
            start += size;
        }

        connection.ShutdownWrite();
    }

    private static ReadStatus Take(TcpConnection connection, MemoryStream target, int count)
    {
        ReadStatus status = connection.TryRead(out Chunk chunk);
        if (status == ReadStatus.Data)
        {
            int taken = Math.Min(count, chunk.Length);
            target.Write(chunk.Bytes[..taken]);
            connection.Consume(taken);
        }

        return status;
    }
}

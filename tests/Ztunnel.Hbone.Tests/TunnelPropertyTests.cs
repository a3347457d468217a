using FsCheck;
using FsCheck.Fluent;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>Whatever the windows, frame sizes and splits: what goes into a tunnel comes out of it.</summary>
public sealed class TunnelPropertyTests
{
    [Fact]
    public void Several_tunnels_carry_their_bytes_intact_in_both_directions_however_the_transport_splits_them()
    {
        Gen<int> seeds = Gen.Choose(0, int.MaxValue - 1);
        Prop.ForAll(seeds.ToArbitrary(), seed => OnLoop.Run(loop => RunCase(loop, new Random(seed))).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(100));
    }

    private static async Task RunCase(EventLoop loop, Random random)
    {
        MemoryChannelOptions transport = new()
        {
            Capacity = Between(random, 20, 200_000),
            ReadSize = available => Between(random, 1, available),
            WriteSize = room => random.Next(8) == 0 ? 0 : Between(random, 1, room),
        };
        Dictionary<string, byte[]> answers = [];
        Dictionary<string, byte[]> received = [];
        Tunnels tunnels = Tunnels.Join(
            loop,
            async incoming =>
            {
                using HboneStream stream = incoming.Accept();
                Task<byte[]> read = Collect(stream, new Random(1));
                await Send(stream, answers[incoming.Authority], new Random(2));
                received[incoming.Authority] = await read;
            },
            Options(random),
            Options(random),
            transport);

        Task[] exchanges = [.. Enumerable.Range(0, Between(random, 1, 6)).Select(i => Exchange($"host:{i}", Bytes(random), new Random(random.Next())))];
        await Task.WhenAll(exchanges);
        await loop.Until(() => tunnels.Client.OpenStreams == 0 && tunnels.Server.OpenStreams == 0);
        Assert.Equal(0, tunnels.Client.UnreadBytes + tunnels.Server.UnreadBytes);
        Assert.Equal(0, loop.Buffers.RentedBytes);
        Assert.Null(tunnels.Client.Failure);
        Assert.Null(tunnels.Server.Failure);

        async Task Exchange(string authority, byte[] request, Random own)
        {
            answers[authority] = Bytes(own);
            using HboneStream stream = await tunnels.Open(authority);
            Task<byte[]> read = Collect(stream, own);
            await Send(stream, request, own);
            byte[] answer = await read;
            await loop.Until(() => received.ContainsKey(authority));
            Assert.True(answer.AsSpan().SequenceEqual(answers[authority]), "the answer arrives intact");
            Assert.True(received[authority].AsSpan().SequenceEqual(request), "the request arrives intact");
        }
    }

    private static HboneOptions Options(Random random) => new()
    {
        InitialStreamWindow = Between(random, 1, 300_000),
        MaxStreamWindow = Between(random, 1, 1_000_000),
        ConnectionWindow = Between(random, 65_535, 500_000),
        MaxBuffered = Between(random, 1, 1_000_000),
        MaxFrameSize = Between(random, 16_384, 100_000),
        MaxSendFrame = Between(random, 1, 100_000),
        WriteQuantum = Between(random, 1, 50_000),
        IdleFrameBurst = 10_000_000,
    };

    private static async Task Send(HboneStream stream, byte[] bytes, Random random)
    {
        for (int sent = 0; sent < bytes.Length;)
        {
            int count = Math.Min(Between(random, 1, 30_000), bytes.Length - sent);
            await stream.WriteAsync(bytes.AsMemory(sent, count));
            sent += count;
            if (random.Next(4) == 0)
                await stream.Loop.YieldAsync();
        }

        stream.ShutdownWrite();
    }

    private static async Task<byte[]> Collect(HboneStream stream, Random random)
    {
        using MemoryStream bytes = new();
        while (true)
        {
            ReadStatus status = ReadPart(stream, bytes, random);
            Assert.True(status != ReadStatus.Failed, stream.Failure?.Detail);
            if (status == ReadStatus.End)
                return bytes.ToArray();
            if (status == ReadStatus.Pending)
                await stream.WaitForReadAsync();
            else if (random.Next(3) == 0)
                await stream.Loop.YieldAsync();
        }
    }

    private static ReadStatus ReadPart(HboneStream stream, MemoryStream target, Random random)
    {
        ReadStatus status = stream.TryRead(out Chunk chunk);
        if (status != ReadStatus.Data)
            return status;
        int count = random.Next(3) == 0 ? random.Next(chunk.Length + 1) : chunk.Length;
        target.Write(chunk.Bytes[..count]);
        stream.Consume(count);
        return status;
    }

    private static byte[] Bytes(Random random)
    {
        byte[] bytes = new byte[random.Next(4) == 0 ? random.Next(100) : Between(random, 1, 60_000)];
        random.NextBytes(bytes);
        return bytes;
    }

    // Small numbers matter as much as large ones.
    private static int Between(Random random, int least, int most) =>
        most <= least ? least : (int)Math.Round(least * Math.Pow((double)most / least, random.NextDouble()));
}

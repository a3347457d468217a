using System.Security.Cryptography;
using Ztunnel.IO;

namespace Ztunnel.Proxy.Tests;

/// <summary>Relays between two plain TCP connections, which splice once they carry bulk.</summary>
public sealed class SplicedRelayTests
{
    private const int Bulk = 32 * 1024 * 1024;

    [Fact]
    public async Task Bulk_both_ways_at_once_is_spliced_and_arrives_unchanged()
    {
        await OnLoop(async ends =>
        {
            Task relaying = ends.Relay.RunAsync().AsTask();
            byte[] up = RandomNumberGenerator.GetBytes(Bulk), down = RandomNumberGenerator.GetBytes(Bulk);
            Task<byte[]> atServer = ReadToEnd(ends.Server), atClient = ReadToEnd(ends.Client);
            await Task.WhenAll(Send(ends.Client, up), Send(ends.Server, down));

            Assert.True((await atServer).SequenceEqual(up));
            Assert.True((await atClient).SequenceEqual(down));
            await relaying;
            Assert.Equal((Bulk, Bulk), (ends.Relay.BytesToServer, ends.Relay.BytesToClient));
            Assert.Null(ends.Relay.Failure);
            Assert.InRange(ends.ClientSide.BytesSpliced, Bulk / 2, Bulk);
            Assert.InRange(ends.ServerSide.BytesSpliced, Bulk / 2, Bulk);
        });
    }

    [Fact]
    public async Task Short_messages_are_read_and_written_even_after_bulk()
    {
        await OnLoop(async ends =>
        {
            Task relaying = ends.Relay.RunAsync().AsTask();
            byte[] bulk = RandomNumberGenerator.GetBytes(Bulk);
            Task sending = ends.Client.WriteAsync(bulk).AsTask();
            Assert.True((await Read(ends.Server, Bulk)).SequenceEqual(bulk));
            await sending;
            await Exchange(ends, "the first message may still be spliced");
            long spliced = ends.ClientSide.BytesSpliced;
            for (int i = 0; i < 100; i++)
                await Exchange(ends, $"message {i}");

            Assert.Equal(spliced, ends.ClientSide.BytesSpliced);
            Assert.Equal(0, ends.ServerSide.BytesSpliced);
            ends.Client.ShutdownWrite();
            ends.Server.ShutdownWrite();
            await relaying;
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_in_the_middle_of_bulk_is_a_reset_at_the_other_end(bool bySender)
    {
        await OnLoop(async ends =>
        {
            Task relaying = ends.Relay.RunAsync().AsTask();
            Task sending = Assert.ThrowsAsync<ChannelException>(async () =>
            {
                while (true)
                    await ends.Client.WriteAsync(new byte[1024 * 1024]);
            });
            await Read(ends.Server, Bulk);

            (bySender ? ends.Client : ends.Server).Abort(new ChannelFailure(FailureKind.Closed, "reset in the test"));
            if (bySender)
                await Assert.ThrowsAsync<ChannelException>(() => ReadToEnd(ends.Server));
            await sending;
            await relaying;

            Assert.Equal(FailureKind.Reset, ends.Relay.Failure!.Kind);
            Assert.Equal(FailureKind.Reset, (bySender ? ends.Server : ends.Client).Failure!.Kind);
            Assert.True(ends.ClientSide.BytesSpliced > 0);
        });
    }

    [Fact]
    public async Task An_end_follows_all_the_bytes_that_a_slow_receiver_was_late_to_take()
    {
        await OnLoop(async ends =>
        {
            Task relaying = ends.Relay.RunAsync().AsTask();
            byte[] bulk = RandomNumberGenerator.GetBytes(Bulk);
            Task sending = Send(ends.Client, bulk);
            byte[] beginning = await Read(ends.Server, Bulk / 4);
            ends.Server.ShutdownWrite();
            Assert.Empty(await ReadToEnd(ends.Client));
            byte[] rest = await ReadToEnd(ends.Server);
            await sending;
            await relaying;

            Assert.True(bulk.AsSpan().SequenceEqual([.. beginning, .. rest]));
            Assert.Null(ends.Relay.Failure);
        });
    }

    private static async Task Exchange(Ends ends, string text)
    {
        byte[] message = System.Text.Encoding.ASCII.GetBytes(text);
        await ends.Client.WriteAsync(message);
        Assert.Equal(message, await Read(ends.Server, message.Length));
        await ends.Server.WriteAsync(message);
        Assert.Equal(message, await Read(ends.Client, message.Length));
    }

    private static async Task Send(TcpConnection to, byte[] bytes)
    {
        await to.WriteAsync(bytes);
        to.ShutdownWrite();
    }

    private static async Task<byte[]> Read(TcpConnection from, int count)
    {
        byte[] bytes = new byte[count];
        for (int got = 0, read; got < count; got += read)
            Assert.NotEqual(0, read = await from.ReadAsync(bytes.AsMemory(got)));
        return bytes;
    }

    private static async Task<byte[]> ReadToEnd(TcpConnection from)
    {
        var all = new MemoryStream();
        byte[] block = new byte[64 * 1024];
        for (int read; (read = await from.ReadAsync(block)) > 0;)
            all.Write(block, 0, read);
        return all.ToArray();
    }

    private static async Task OnLoop(Func<Ends, Task> test)
    {
        using EventLoop loop = EventLoop.Start(0);
        await loop.RunAsync(async () =>
        {
            (TcpConnection client, TcpConnection clientSide) = await Tcp.Connect(loop, loop);
            (TcpConnection serverSide, TcpConnection server) = await Tcp.Connect(loop, loop);
            await test(new Ends(client, server, clientSide, serverSide, new Relay(clientSide, serverSide)));
        }).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private sealed record Ends(TcpConnection Client, TcpConnection Server, TcpConnection ClientSide, TcpConnection ServerSide, Relay Relay);
}

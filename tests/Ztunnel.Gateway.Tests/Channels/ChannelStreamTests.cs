using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Gateway.Tests;

public sealed class ChannelStreamTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Megabytes_go_both_ways_unchanged(bool onLoop)
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        byte[] sent = new byte[20 * 1024 * 1024];
        new Random(1).NextBytes(sent);
        Task echo = Task.Run(() => Echo(peer.Socket), Stop);

        Task<byte[]> reading = onLoop ? peer.Loop.RunAsync(() => ReadAll(stream, sent.Length)) : ReadAll(stream, sent.Length);
        await (onLoop ? peer.Loop.RunAsync(async () => await stream.WriteAsync(sent, Stop)) : stream.WriteAsync(sent, Stop).AsTask());

        Assert.True((await reading.WaitAsync(Patience, Stop)).AsSpan().SequenceEqual(sent));
        peer.Socket.Shutdown(SocketShutdown.Both);
        await echo;
    }

    [Fact]
    public async Task A_peer_that_does_not_read_holds_the_writer_back()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        byte[] sent = new byte[32 * 1024 * 1024];

        Task writing = stream.WriteAsync(sent, Stop).AsTask();
        await peer.Loop.RunAsync(() => Task.CompletedTask);
        Assert.False(writing.IsCompleted);

        byte[] read = new byte[1024 * 1024];
        int total = 0;
        while (total < sent.Length)
            total += await peer.Socket.ReceiveAsync(read, Stop);
        await writing.WaitAsync(Patience, Stop);
    }

    [Fact]
    public async Task A_peer_that_has_ended_can_still_be_written_to()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        peer.Socket.Shutdown(SocketShutdown.Send);

        Assert.Equal(0, await stream.ReadAsync(new byte[10], Stop));
        await stream.WriteAsync("late"u8.ToArray(), Stop);

        byte[] read = new byte[4];
        Assert.Equal(4, await peer.Socket.ReceiveAsync(read, Stop));
    }

    [Fact]
    public async Task A_reset_is_an_error_to_reader_and_writer()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        ValueTask<int> reading = stream.ReadAsync(new byte[10], Stop);
        peer.Socket.LingerState = new LingerOption(true, 0);
        peer.Socket.Dispose();

        await Assert.ThrowsAsync<ChannelException>(async () => await reading);
        await Assert.ThrowsAsync<ChannelException>(async () => await stream.WriteAsync(new byte[10], Stop));
    }

    [Fact]
    public async Task A_read_can_be_cancelled_and_the_next_one_reads_on()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        using var cancel = new CancellationTokenSource();
        ValueTask<int> reading = stream.ReadAsync(new byte[10], cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);

        await peer.Socket.SendAsync("next"u8.ToArray(), Stop);
        Assert.Equal(4, await stream.ReadAsync(new byte[10], Stop));
    }

    [Fact]
    public async Task A_read_of_nothing_waits_for_bytes_and_takes_none()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        Task<int> waiting = stream.ReadAsync(Memory<byte>.Empty, Stop).AsTask();
        await peer.Loop.RunAsync(() => Task.CompletedTask);
        Assert.False(waiting.IsCompleted);

        await peer.Socket.SendAsync("abc"u8.ToArray(), Stop);
        Assert.Equal(0, await waiting.WaitAsync(Patience, Stop));
        Assert.Equal(3, await stream.ReadAsync(new byte[10], Stop));
    }

    [Fact]
    public async Task Closing_delivers_what_was_written_although_bytes_of_the_peer_were_not_read()
    {
        using Peer peer = await Peer.Connect();
        var stream = new ChannelStream(peer.Channel);
        await peer.Socket.SendAsync(new byte[5000], Stop);
        ValueTask<int> pending = stream.ReadAsync(new byte[10], Stop);
        await pending;
        await stream.WriteAsync("the end"u8.ToArray(), Stop);
        await stream.DisposeAsync();

        await peer.Socket.SendAsync(new byte[5000], Stop);
        byte[] read = new byte[100];
        Assert.Equal(7, await peer.Socket.ReceiveAsync(read, Stop));
        Assert.Equal(0, await peer.Socket.ReceiveAsync(read, Stop));
    }

    [Fact]
    public async Task Closing_while_a_read_waits_ends_the_read_and_the_connection_in_order()
    {
        using Peer peer = await Peer.Connect();
        var stream = new ChannelStream(peer.Channel);
        ValueTask<int> reading = stream.ReadAsync(new byte[10], Stop);
        await stream.DisposeAsync();

        await Assert.ThrowsAsync<ChannelException>(async () => await reading);
        Assert.Equal(0, await peer.Socket.ReceiveAsync(new byte[1], Stop));
    }

    [Fact]
    public async Task When_the_loop_stops_nobody_waits_for_ever()
    {
        using Peer peer = await Peer.Connect();
        await using var stream = new ChannelStream(peer.Channel);
        ValueTask<int> reading = stream.ReadAsync(new byte[10], Stop);
        peer.Loop.Dispose();

        await Assert.ThrowsAsync<ChannelException>(async () => await reading);
        await Assert.ThrowsAsync<ChannelException>(() => stream.ReadAsync(new byte[10], Stop).AsTask());
    }

    private static async Task Echo(Socket socket)
    {
        byte[] buffer = new byte[100_000];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            for (int sent = 0; sent < count;)
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent));
        }
    }

    private static async Task<byte[]> ReadAll(ChannelStream stream, int length)
    {
        byte[] all = new byte[length];
        for (int total = 0; total < length;)
            total += await stream.ReadAsync(all.AsMemory(total, Math.Min(70_000, length - total)), Stop);
        return all;
    }
}

using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

public sealed class ChannelPipeTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_examined_and_not_consumed_is_shown_again_with_more()
    {
        using Peer peer = await Peer.Connect();
        var reader = new ChannelPipeReader(peer.Channel, () => { });
        await peer.Socket.SendAsync("GET /"u8.ToArray(), Stop);
        ReadResult first = await reader.ReadAsync(Stop);
        Assert.Equal("GET /", Text(first));
        reader.AdvanceTo(first.Buffer.Start, first.Buffer.End);

        ValueTask<ReadResult> second = reader.ReadAsync(Stop);
        Assert.False(second.IsCompleted);
        byte[] long1 = Enumerable.Repeat((byte)'a', 10_000).ToArray();
        await peer.Socket.SendAsync(long1, Stop);
        ReadResult result = await second;
        while (result.Buffer.Length < 10_005)
        {
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            result = await reader.ReadAsync(Stop);
        }

        Assert.Equal("GET /" + new string('a', 10_000), Text(result));
        reader.AdvanceTo(result.Buffer.GetPosition(5));
        Assert.True(reader.TryRead(out ReadResult rest));
        Assert.Equal(10_000, rest.Buffer.Length);
    }

    [Fact]
    public async Task A_waiting_read_can_be_called_off_and_reading_goes_on()
    {
        using Peer peer = await Peer.Connect();
        var reader = new ChannelPipeReader(peer.Channel, () => { });
        ValueTask<ReadResult> reading = reader.ReadAsync(Stop);
        reader.CancelPendingRead();
        Assert.True((await reading).IsCanceled);

        reader.CancelPendingRead();
        Assert.True((await reader.ReadAsync(Stop)).IsCanceled);
        await peer.Socket.SendAsync("x"u8.ToArray(), Stop);
        Assert.Equal("x", Text(await reader.ReadAsync(Stop)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_read_that_follows_another_is_ended_by_its_token_and_reading_goes_on(bool onLoop)
    {
        using Peer peer = await Peer.Connect();
        bool ended = false;
        var reader = new ChannelPipeReader(peer.Channel, () => ended = true);
        await peer.Socket.SendAsync("part"u8.ToArray(), Stop);
        // Between two reads the channel is watched for its end.
        await peer.Loop.RunAsync(async () => reader.AdvanceTo((await reader.ReadAsync(Stop)).Buffer.End));

        for (int round = 0; round < 3; round++)
        {
            using var cancel = new CancellationTokenSource();
            Task<ReadResult> reading = onLoop
                ? peer.Loop.RunAsync(async () => await reader.ReadAsync(cancel.Token))
                : reader.ReadAsync(cancel.Token).AsTask();
            await peer.Loop.RunAsync(() => Task.CompletedTask);
            Assert.False(reading.IsCompleted);
            await cancel.CancelAsync();
            var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading.WaitAsync(Patience, Stop));
            Assert.Equal(cancel.Token, error.CancellationToken);
        }

        await peer.Socket.SendAsync("rest"u8.ToArray(), Stop);
        ReadResult rest = await reader.ReadAsync(Stop);
        Assert.Equal("rest", Text(rest));
        await peer.Loop.RunAsync(() =>
        {
            reader.AdvanceTo(rest.Buffer.End);
            return Task.CompletedTask;
        });
        peer.Socket.Shutdown(SocketShutdown.Send);
        await Eventually.Holds(() => ended);
    }

    [Fact]
    public async Task A_token_of_a_read_that_has_ended_ends_no_later_one()
    {
        using Peer peer = await Peer.Connect();
        var reader = new ChannelPipeReader(peer.Channel, () => { });
        using var former = new CancellationTokenSource();
        using var later = new CancellationTokenSource();
        Task<ReadResult> reading = reader.ReadAsync(former.Token).AsTask();
        await peer.Socket.SendAsync("one"u8.ToArray(), Stop);
        reader.AdvanceTo((await reading).Buffer.End);

        reading = reader.ReadAsync(later.Token).AsTask();
        await former.CancelAsync();
        await peer.Loop.RunAsync(() => Task.CompletedTask);
        Assert.False(reading.IsCompleted);
        await peer.Socket.SendAsync("two"u8.ToArray(), Stop);
        Assert.Equal("two", Text(await reading));
    }

    [Fact]
    public async Task A_flush_that_is_held_back_is_ended_by_its_token()
    {
        using Peer peer = await Peer.Connect();
        var writer = new ChannelPipeWriter(peer.Channel);
        writer.Write(new byte[16 * 1024 * 1024]);
        for (int round = 0; round < 2; round++)
        {
            using var cancel = new CancellationTokenSource();
            Task<FlushResult> flushing = writer.FlushAsync(cancel.Token).AsTask();
            await peer.Loop.RunAsync(() => Task.CompletedTask);
            Assert.False(flushing.IsCompleted);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flushing.WaitAsync(Patience, Stop));
        }
    }

    [Fact]
    public async Task The_peers_end_is_noticed_while_nobody_reads()
    {
        using Peer peer = await Peer.Connect();
        bool ended = false;
        var reader = new ChannelPipeReader(peer.Channel, () => ended = true);
        await peer.Socket.SendAsync("request"u8.ToArray(), Stop);
        await peer.Loop.RunAsync(async () =>
        {
            ReadResult result = await reader.ReadAsync(Stop);
            reader.AdvanceTo(result.Buffer.End);
        });
        Assert.False(ended);

        peer.Socket.Shutdown(SocketShutdown.Send);
        await Eventually.Holds(() => ended);
        Assert.True((await reader.ReadAsync(Stop)).IsCompleted);
    }

    [Fact]
    public async Task Bytes_that_come_while_nobody_reads_are_there_for_the_next_read()
    {
        using Peer peer = await Peer.Connect();
        var reader = new ChannelPipeReader(peer.Channel, () => { });
        await peer.Socket.SendAsync("one"u8.ToArray(), Stop);
        await peer.Loop.RunAsync(async () => reader.AdvanceTo((await reader.ReadAsync(Stop)).Buffer.End));
        await peer.Socket.SendAsync("two"u8.ToArray(), Stop);
        await peer.Socket.SendAsync("three"u8.ToArray(), Stop);

        var got = new StringBuilder();
        while (got.Length < 8)
        {
            ReadResult result = await reader.ReadAsync(Stop);
            got.Append(Text(result));
            reader.AdvanceTo(result.Buffer.End);
        }

        Assert.Equal("twothree", got.ToString());
    }

    [Fact]
    public async Task A_reset_is_told_to_the_server_as_one()
    {
        using Peer peer = await Peer.Connect();
        var reader = new ChannelPipeReader(peer.Channel, () => { });
        ValueTask<ReadResult> reading = reader.ReadAsync(Stop);
        peer.Socket.LingerState = new LingerOption(true, 0);
        peer.Socket.Dispose();
        await Assert.ThrowsAsync<ConnectionResetException>(async () => await reading);
    }

    [Fact]
    public async Task A_flush_ends_when_all_was_taken_and_holds_the_server_back_until_then()
    {
        using Peer peer = await Peer.Connect();
        var writer = new ChannelPipeWriter(peer.Channel);
        byte[] sent = new byte[16 * 1024 * 1024];
        new Random(2).NextBytes(sent);
        writer.Write(sent);
        Task<FlushResult> flushing = writer.FlushAsync(Stop).AsTask();
        await peer.Loop.RunAsync(() => Task.CompletedTask);
        Assert.False(flushing.IsCompleted);

        byte[] read = new byte[sent.Length];
        for (int total = 0; total < read.Length;)
            total += await peer.Socket.ReceiveAsync(read.AsMemory(total), Stop);
        Assert.True(read.AsSpan().SequenceEqual(sent));
        Assert.False((await flushing).IsCompleted);
        Assert.Equal(0, writer.UnflushedBytes);
    }

    [Fact]
    public async Task A_flush_to_who_is_gone_says_that_nobody_reads()
    {
        using Peer peer = await Peer.Connect();
        var writer = new ChannelPipeWriter(peer.Channel);
        peer.Socket.LingerState = new LingerOption(true, 0);
        peer.Socket.Dispose();
        await Eventually.Holds(() => peer.Channel.Failure is not null);
        writer.Write("answer"u8);
        Assert.True((await writer.FlushAsync(Stop)).IsCompleted);
    }

    private static string Text(ReadResult result) => Encoding.ASCII.GetString(result.Buffer.ToArray());
}

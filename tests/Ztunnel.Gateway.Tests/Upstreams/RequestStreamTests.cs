using System.Net.Sockets;

namespace Ztunnel.Gateway.Tests;

/// <summary>Requests one after another over a connection, in the order in which the HTTP client reads and writes.</summary>
public sealed class RequestStreamTests
{
    private readonly byte[] _buffer = new byte[100];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connection_that_breaks_or_ends_without_an_answer_is_stale_only_where_it_had_carried_a_request(bool reset)
    {
        using Peer fresh = await Peer.Connect();
        await using var first = new RequestStream(new ChannelStream(fresh.Channel));
        await Ask(fresh, first);
        End(fresh, reset);
        IOException told = await Assert.ThrowsAnyAsync<IOException>(() => first.ReadAsync(_buffer, Stop).AsTask());
        Assert.IsNotType<StaleConnectionException>(told);

        using Peer used = await Peer.Connect();
        await using RequestStream second = await Use(used, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> watching = second.ReadAsync(_buffer, Stop).AsTask();
        await Ask(used, second);
        End(used, reset);
        await Assert.ThrowsAsync<StaleConnectionException>(() => watching);
    }

    // What a client takes up between the end and the news of it.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connection_given_up_before_a_request_is_found_stale_by_writing(bool reset)
    {
        using Peer peer = await Peer.Connect();
        await using RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> watching = stream.ReadAsync(_buffer, Stop).AsTask();
        End(peer, reset);
        if (reset)
            await Assert.ThrowsAsync<Ztunnel.IO.ChannelException>(() => watching);
        else
            Assert.Equal(0, await watching);
        await Assert.ThrowsAsync<StaleConnectionException>(async () => await stream.WriteAsync("ask"u8.ToArray(), Stop));
    }

    [Fact]
    public async Task A_connection_that_breaks_while_a_request_waits_to_be_written_is_stale()
    {
        using Peer peer = await Peer.Connect();
        await using RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> watching = stream.ReadAsync(_buffer, Stop).AsTask();
        Task writing = stream.WriteAsync(new byte[32 * 1024 * 1024], Stop).AsTask();
        await peer.Loop.RunAsync(() => Task.CompletedTask);
        Assert.False(writing.IsCompleted);
        End(peer, reset: true);
        await Assert.ThrowsAsync<StaleConnectionException>(() => writing);
        await Assert.ThrowsAsync<StaleConnectionException>(() => watching);
    }

    [Fact]
    public async Task What_has_begun_to_answer_may_end_while_the_rest_of_a_request_is_written()
    {
        using Peer peer = await Peer.Connect();
        await using RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> watching = stream.ReadAsync(_buffer, Stop).AsTask();
        await Ask(peer, stream);
        await peer.Socket.SendAsync("HTTP/1.1 413"u8.ToArray(), Stop);
        Assert.Equal(12, await watching);
        await Ask(peer, stream);
        End(peer, reset: false);
        Assert.Equal(0, await stream.ReadAsync(_buffer, Stop));
    }

    [Fact]
    public async Task A_break_in_the_middle_of_an_answer_is_no_stale_connection()
    {
        using Peer peer = await Peer.Connect();
        await using RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n");
        End(peer, reset: true);
        await Assert.ThrowsAsync<Ztunnel.IO.ChannelException>(() => stream.ReadAsync(_buffer, Stop).AsTask());
    }

    // In one piece and in two: its first bytes are what counts.
    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n", true)]
    [InlineData("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101", false)]
    public async Task What_has_become_another_protocol_ends_as_it_likes(string answer, bool switches)
    {
        foreach (int piece in new[] { answer.Length, 10 })
        {
            using Peer peer = await Peer.Connect();
            await using RequestStream stream = await Use(peer, answer[..piece]);
            if (piece < answer.Length)
            {
                await peer.Socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer[piece..]), Stop);
                Assert.Equal(answer.Length - piece, await stream.ReadAsync(_buffer, Stop));
            }

            Task<int> reading = stream.ReadAsync(_buffer, Stop).AsTask();
            await Ask(peer, stream);
            End(peer, reset: false);
            if (switches)
            {
                Assert.Equal(0, await reading);
                await Ask(peer, stream);
            }
            else
            {
                await Assert.ThrowsAsync<StaleConnectionException>(() => reading);
            }
        }
    }

    [Fact]
    public async Task A_read_of_nothing_is_no_end()
    {
        using Peer peer = await Peer.Connect();
        await using RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> waiting = stream.ReadAsync(Memory<byte>.Empty, Stop).AsTask();
        await Ask(peer, stream);
        await peer.Socket.SendAsync("abc"u8.ToArray(), Stop);
        Assert.Equal(0, await waiting);
        Assert.Equal(3, await stream.ReadAsync(_buffer, Stop));
    }

    [Fact]
    public async Task Closing_it_closes_the_connection_in_order_and_makes_nothing_stale()
    {
        using Peer peer = await Peer.Connect();
        RequestStream stream = await Use(peer, "HTTP/1.1 200 OK\r\n\r\n");
        Task<int> watching = stream.ReadAsync(_buffer, Stop).AsTask();
        await Ask(peer, stream);
        await stream.DisposeAsync();
        await Assert.ThrowsAsync<Ztunnel.IO.ChannelException>(() => watching);
        Assert.Equal(0, await peer.Socket.ReceiveAsync(new byte[1], Stop));
    }

    private static void End(Peer peer, bool reset)
    {
        if (!reset)
        {
            peer.Socket.Shutdown(SocketShutdown.Send);
            return;
        }

        peer.Socket.LingerState = new LingerOption(true, 0);
        peer.Socket.Dispose();
    }

    private static async Task Ask(Peer peer, RequestStream stream)
    {
        await stream.WriteAsync("ask"u8.ToArray(), Stop);
        Assert.Equal(3, await peer.Socket.ReceiveAsync(new byte[10], Stop));
    }

    /// <summary>A connection that has carried a request, and what was answered.</summary>
    private async Task<RequestStream> Use(Peer peer, string answer)
    {
        var stream = new RequestStream(new ChannelStream(peer.Channel));
        await Ask(peer, stream);
        await peer.Socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(answer), Stop);
        Assert.Equal(answer.Length, await stream.ReadAsync(_buffer, Stop));
        return stream;
    }
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

public sealed class TcpConnectionTests
{
    [Fact]
    public async Task Bytes_and_ends_travel_both_ways()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            await client.WriteAsync("question"u8.ToArray());
            client.ShutdownWrite();
            (byte[] question, ReadStatus end) = await Loops.ReadAll(server);
            Assert.Equal("question"u8.ToArray(), question);
            Assert.Equal(ReadStatus.End, end);

            await server.WriteAsync("answer"u8.ToArray());
            server.ShutdownWrite();
            (byte[] answer, end) = await Loops.ReadAll(client);
            Assert.Equal("answer"u8.ToArray(), answer);
            Assert.Equal(ReadStatus.End, end);

            Assert.Equal(8, client.BytesWritten);
            Assert.Equal(6, client.BytesRead);
            Assert.Equal(client.LocalEndPoint, server.RemoteEndPoint);
            Assert.Equal(client.RemoteEndPoint, server.LocalEndPoint);
            client.Dispose();
            server.Dispose();
            Assert.Equal(0, loop.Load);
        });
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Megabytes_arrive_intact_both_ways_at_once(string address)
    {
        byte[] payload = RandomNumberGenerator.GetBytes(24 * 1024 * 1024);
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop, address: IPAddress.Parse(address));
            Task<(byte[] Bytes, ReadStatus End)> atServer = Loops.ReadAll(server);
            Task<(byte[] Bytes, ReadStatus End)> atClient = Loops.ReadAll(client);
            await Task.WhenAll(Send(client), Send(server));

            foreach ((byte[] bytes, ReadStatus end) in new[] { await atServer, await atClient })
            {
                Assert.Equal(ReadStatus.End, end);
                Assert.True(payload.AsSpan().SequenceEqual(bytes));
            }

            Assert.Equal(0, loop.Buffers.RentedBytes);
            client.Dispose();
            server.Dispose();
        });

        async Task Send(TcpConnection connection)
        {
            await connection.WriteAsync(payload);
            connection.ShutdownWrite();
        }
    }

    [Fact]
    public async Task An_abort_is_seen_by_the_peer_as_a_reset()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            ValueTask readerWaits = server.WaitForReadAsync();

            client.Abort(new ChannelFailure(FailureKind.Closed, "enough"));

            await readerWaits;
            Assert.Equal(ReadStatus.Failed, server.TryRead(out _));
            Assert.Equal(FailureKind.Reset, server.Failure!.Kind);
            Assert.Contains("reset by peer", server.Failure.Detail, StringComparison.Ordinal);
            Assert.Equal("enough", client.Failure!.Detail);
            Assert.Equal(ReadStatus.Failed, client.TryRead(out _));
            server.Dispose();
        });
    }

    [Fact]
    public async Task Disposing_before_both_sides_have_ended_resets_the_peer()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            client.ShutdownWrite();
            await Loops.ReadAll(server);

            client.Dispose();

            await Loops.Until(loop, () => server.Failure is not null);
            Assert.Equal(FailureKind.Reset, server.Failure!.Kind);
            server.Dispose();
        });
    }

    [Fact]
    public async Task A_reset_shows_in_Failure_even_while_nobody_reads_or_writes()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            client.Abort(new ChannelFailure(FailureKind.Closed, "enough"));

            await Loops.Until(loop, () => server.Failure is not null);

            Assert.Equal(FailureKind.Reset, server.Failure!.Kind);
            server.Dispose();
        });
    }

    [Fact]
    public async Task Bytes_sent_before_a_reset_are_read_before_the_failure()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            await server.WriteAsync("413"u8.ToArray());
            server.Abort(new ChannelFailure(FailureKind.Closed, "enough"));
            await Loops.Until(loop, () => client.Failure is not null);
            Assert.Equal(3, WriteText(client, "dropped"u8[..3]));

            (byte[] bytes, ReadStatus end) = await Loops.ReadAll(client);

            Assert.Equal("413"u8.ToArray(), bytes);
            Assert.Equal(ReadStatus.Failed, end);
            Assert.Equal(FailureKind.Reset, client.Failure!.Kind);
            client.Dispose();
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Urgent_bytes_are_bytes_like_others_and_hold_nothing_up(bool weConnect)
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection ours, Socket theirs) = weConnect ? await ConnectToSocket(loop) : await AcceptSocket(loop);
            for (int round = 0; round < 3; round++)
            {
                theirs.Send("before"u8);
                theirs.Send("!"u8, SocketFlags.OutOfBand);
                theirs.Send("after"u8);
                byte[] read = new byte[12];
                for (int at = 0; at < read.Length;)
                    at += await ours.ReadAsync(read.AsMemory(at)).AsTask().WaitAsync(TimeSpan.FromSeconds(5));
                Assert.Equal("before!after"u8.ToArray(), read);
            }

            ours.Dispose();
            theirs.Dispose();
        });

        static async Task<(TcpConnection Ours, Socket Theirs)> ConnectToSocket(EventLoop loop)
        {
            using Socket listening = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listening.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listening.Listen();
            TcpConnection ours = await TcpConnection.ConnectAsync(
                loop, null, null, (IPEndPoint)listening.LocalEndPoint!, new TcpOptions(), Loops.ConnectTimeout);
            return (ours, listening.Accept());
        }

        static async Task<(TcpConnection Ours, Socket Theirs)> AcceptSocket(EventLoop loop)
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<TcpConnection> accepted = new();
            listener.Start(loop, [loop], accepted.SetResult);
            Socket theirs = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            theirs.Connect(listener.LocalEndPoint);
            return (await accepted.Task, theirs);
        }
    }

    [Fact]
    public async Task A_refused_connect_says_so()
    {
        await Loops.OnLoop(async loop =>
        {
            TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            listener.Dispose();

            ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout));

            Assert.Equal(FailureKind.Refused, error.Failure.Kind);
            Assert.Equal($"connect to {listener.LocalEndPoint}: Connection refused", error.Failure.Detail);
            Assert.Equal(0, loop.Load);
        });
    }

    [Fact]
    public async Task A_connect_from_an_address_that_is_not_ours_is_a_local_failure()
    {
        await Loops.OnLoop(async loop =>
        {
            ChannelException error = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, null, new IPEndPoint(IPAddress.Parse("192.0.2.1"), 0), new IPEndPoint(IPAddress.Loopback, 9), new TcpOptions(), Loops.ConnectTimeout));

            Assert.Equal(FailureKind.Local, error.Failure.Kind);
            Assert.Contains("192.0.2.1", error.Failure.Detail, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_cancelled_wait_ends_and_the_connection_can_be_waited_for_again()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            using CancellationTokenSource source = new();
            ValueTask wait = server.WaitForReadAsync(source.Token);
            _ = Task.Run(source.Cancel);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await wait);
            Assert.True(loop.IsCurrent);

            await client.WriteAsync("x"u8.ToArray());
            await server.WaitForReadAsync(CancellationToken.None);
            Assert.Equal(1, await server.ReadAsync(new byte[8]));
            client.Dispose();
            server.Dispose();
        });
    }

    [Fact]
    public async Task A_deadline_fails_the_connection_unless_moved()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            server.SetDeadline(TimeSpan.FromSeconds(10), "idle for 10 s");
            client.SetDeadline(TimeSpan.FromSeconds(10));
            client.SetDeadline(null);

            time.Advance(TimeSpan.FromSeconds(10));
            await server.WaitForReadAsync();

            Assert.Equal(ReadStatus.Failed, server.TryRead(out _));
            Assert.Equal(new ChannelFailure(FailureKind.TimedOut, "idle for 10 s"), server.Failure);
            Assert.NotEqual(FailureKind.TimedOut, client.Failure?.Kind);
            client.Dispose();
        }).WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_writer_waits_until_the_peer_reads()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            byte[] megabyte = new byte[1024 * 1024];
            while (WriteText(client, megabyte.AsSpan(0, 128 * 1024)) != 0)
            {
            }

            ValueTask wait = client.WaitForWriteAsync();
            Assert.False(wait.IsCompleted);
            Task<(byte[] Bytes, ReadStatus End)> reading = Loops.ReadAll(server);
            await wait;
            Assert.NotEqual(0, WriteText(client, "more"u8));
            client.ShutdownWrite();
            Assert.Equal(client.BytesWritten, (await reading).Bytes.Length);
            client.Dispose();
            server.Dispose();
        });
    }

    [Fact]
    public async Task Stopping_the_loop_wakes_who_waits_and_closes_connections()
    {
        EventLoop loop = EventLoop.Start(0);
        TaskCompletionSource waiting = new();
        Task<ReadStatus> reader = loop.RunAsync(async () =>
        {
            (TcpConnection client, _) = await Loops.ConnectedPair(loop);
            ValueTask wait = client.WaitForReadAsync();
            waiting.SetResult();
            await wait;
            return client.TryRead(out _);
        });
        await waiting.Task.WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);

        loop.Dispose();

        Assert.Equal(ReadStatus.Failed, await reader);
        Assert.Equal(0, loop.Load);
    }

    [Fact]
    public async Task Waiting_reading_and_writing_allocate_nothing()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            Task echo = Echo(server);
            await PingPong(client, 2_000);
            long before = GC.GetAllocatedBytesForCurrentThread();
            await PingPong(client, 10_000);
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
            client.ShutdownWrite();
            await echo;
            client.Dispose();
            server.Dispose();
        });
    }

    private static async Task PingPong(TcpConnection connection, int times)
    {
        for (int i = 0; i < times; i++)
        {
            // Not Assert.Equal: it allocates.
            Assert.True(WriteText(connection, "ping"u8) == 4);
            while (!ReadOne(connection))
                await connection.WaitForReadAsync();
        }

        static bool ReadOne(TcpConnection connection)
        {
            if (connection.TryRead(out Chunk chunk) != ReadStatus.Data)
                return false;
            connection.Consume(chunk.Length);
            return true;
        }
    }

    private static async Task Echo(TcpConnection connection)
    {
        while (Pass(connection) is ReadStatus.Data or ReadStatus.Pending)
            await connection.WaitForReadAsync();
        connection.ShutdownWrite();

        static ReadStatus Pass(TcpConnection connection)
        {
            ReadStatus status = connection.TryRead(out Chunk chunk);
            if (status == ReadStatus.Data)
            {
                Assert.True(connection.TryWrite(chunk) == chunk.Length);
                connection.Consume(chunk.Length);
            }

            return status;
        }
    }

    private static int WriteText(TcpConnection connection, ReadOnlySpan<byte> text)
    {
        using ScratchLease scratch = connection.Loop.RentScratch();
        text.CopyTo(scratch.Span);
        return connection.TryWrite(new Chunk(scratch.Span[..text.Length], 0));
    }
}

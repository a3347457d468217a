using System.Security.Cryptography;
using System.Text;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Tests;

public sealed class TunnelTests
{
    [Fact]
    public async Task Bytes_and_ends_travel_through_a_tunnel_both_ways()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream stream = await tunnels.Open();
            await stream.WriteAsync("question"u8.ToArray());
            Assert.Equal("question"u8.ToArray(), await Tunnels.Read(stream, 8));
            stream.ShutdownWrite();
            Assert.Empty(await Tunnels.ReadAll(stream));
            await loop.Until(() => tunnels.Client.OpenStreams == 0 && tunnels.Server.OpenStreams == 0);
            Assert.Null(stream.Failure);
        });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(100_000)]
    [InlineData(20_000_000)]
    public async Task A_payload_of_any_size_comes_back_intact(int size)
    {
        byte[] payload = RandomNumberGenerator.GetBytes(size);
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream stream = await tunnels.Open();
            Task<byte[]> echoed = Tunnels.ReadAll(stream);
            await stream.WriteAsync(payload);
            stream.ShutdownWrite();
            byte[] back = await echoed;
            Assert.True(payload.AsSpan().SequenceEqual(back));
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task The_server_sees_authority_and_headers()
    {
        await OnLoop.Run(async loop =>
        {
            IncomingConnect? seen = null;
            Tunnels tunnels = Tunnels.Join(loop, incoming =>
            {
                seen = incoming;
                incoming.Accept();
                return ValueTask.CompletedTask;
            });
            ConnectRequest request = new("10.1.2.3:8080", [new("baggage", "k8s.pod.name=a"), new("traceparent", "00-1-2-01"), new("x-own", "1")]);
            Assert.IsType<ConnectOutcome.Opened>(await tunnels.Client.OpenAsync(request));
            Assert.Equal("10.1.2.3:8080", seen!.Authority);
            Assert.Equal(request.Headers, seen.Headers);
            Assert.Equal("k8s.pod.name=a", seen.Header("baggage"));
            Assert.Null(seen.Header("tracestate"));
            Assert.Same(tunnels.Server, seen.Connection);
        });
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(503)]
    public async Task A_refusal_carries_its_status_and_leaves_the_connection_usable(int status)
    {
        await OnLoop.Run(async loop =>
        {
            bool refuse = true;
            Tunnels tunnels = Tunnels.Join(loop, incoming =>
            {
                if (!refuse)
                    return Tunnels.Echo(incoming);
                incoming.Refuse(status);
                return ValueTask.CompletedTask;
            });
            ConnectOutcome outcome = await tunnels.Client.OpenAsync(new ConnectRequest("10.0.0.1:80"));
            Assert.Equal(new ConnectOutcome.Refused(status), outcome);
            await loop.Until(() => tunnels.Client.OpenStreams == 0 && tunnels.Server.OpenStreams == 0);
            refuse = false;
            await tunnels.Open();
        });
    }

    [Fact]
    public async Task A_handler_that_fails_or_forgets_to_answer_refuses_with_500()
    {
        await OnLoop.Run(async loop =>
        {
            int calls = 0;
            Tunnels tunnels = Tunnels.Join(
                loop, _ => calls++ == 0 ? throw new InvalidOperationException("bug") : ValueTask.CompletedTask);
            Assert.Equal(new ConnectOutcome.Refused(500), await tunnels.Client.OpenAsync(new ConnectRequest("a:1")));
            Assert.Equal(new ConnectOutcome.Refused(500), await tunnels.Client.OpenAsync(new ConnectRequest("a:1")));
        });
    }

    [Fact]
    public async Task The_client_may_end_first_and_still_read()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, async incoming =>
            {
                using HboneStream stream = incoming.Accept();
                byte[] question = await Tunnels.ReadAll(stream);
                await stream.WriteAsync(Encoding.ASCII.GetBytes($"{question.Length} bytes"));
                stream.ShutdownWrite();
            });
            HboneStream stream = await tunnels.Open();
            await stream.WriteAsync(new byte[100]);
            stream.ShutdownWrite();
            Assert.Equal("100 bytes"u8.ToArray(), await Tunnels.ReadAll(stream));
        });
    }

    [Fact]
    public async Task The_server_may_speak_and_end_first_and_still_read()
    {
        await OnLoop.Run(async loop =>
        {
            TaskCompletionSource<byte[]> received = new();
            Tunnels tunnels = Tunnels.Join(loop, async incoming =>
            {
                using HboneStream stream = incoming.Accept();
                await stream.WriteAsync("220 ready"u8.ToArray());
                stream.ShutdownWrite();
                received.SetResult(await Tunnels.ReadAll(stream));
            });
            HboneStream stream = await tunnels.Open();
            Assert.Equal("220 ready"u8.ToArray(), await Tunnels.ReadAll(stream));
            await stream.WriteAsync("QUIT"u8.ToArray());
            stream.ShutdownWrite();
            Assert.Equal("QUIT"u8.ToArray(), await received.Task);
        });
    }

    [Fact]
    public async Task An_aborted_tunnel_is_seen_as_reset_and_wakes_reader_and_writer()
    {
        await OnLoop.Run(async loop =>
        {
            HboneStream? atServer = null;
            Tunnels tunnels = Tunnels.Join(loop, incoming =>
            {
                atServer = incoming.Accept();
                return ValueTask.CompletedTask;
            });
            HboneStream stream = await tunnels.Open();
            ValueTask read = stream.WaitForReadAsync();
            await FillWindow(stream);
            ValueTask write = stream.WaitForWriteAsync();
            Assert.False(read.IsCompleted);
            Assert.False(write.IsCompleted);

            atServer!.Abort(new ChannelFailure(FailureKind.Reset, "the application reset"));
            await read;
            await write;
            Assert.Equal(FailureKind.Reset, stream.Failure?.Kind);
            Assert.Contains("CONNECT_ERROR", stream.Failure!.Detail, StringComparison.Ordinal);
            Assert.Equal(ReadStatus.Failed, stream.TryRead(out _));
            Assert.Equal(5, stream.TryWrite(new Chunk(new byte[5], 0)));
            Assert.Equal(0, tunnels.Client.OpenStreams);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task Bytes_sent_before_a_reset_are_still_read()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, async incoming =>
            {
                HboneStream stream = incoming.Accept();
                await stream.WriteAsync("last words"u8.ToArray());
                stream.Dispose();
            });
            HboneStream stream = await tunnels.Open();
            await loop.Until(() => stream.Failure is not null);
            Assert.Equal("last words"u8.ToArray(), await Tunnels.Read(stream, 10));
            Assert.Equal(ReadStatus.Failed, stream.TryRead(out _));
        });
    }

    [Fact]
    public async Task A_lost_transport_fails_every_tunnel()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream first = await tunnels.Open();
            HboneStream second = await tunnels.Open();
            ValueTask read = first.WaitForReadAsync();
            ValueTask<ConnectOutcome> opening = tunnels.Client.OpenAsync(new ConnectRequest("a:1"));
            tunnels.ClientSide.Abort(new ChannelFailure(FailureKind.TimedOut, "gone"));
            await read;
            await loop.Settle();
            Assert.Equal(FailureKind.TimedOut, first.Failure?.Kind);
            Assert.Equal(FailureKind.TimedOut, second.Failure?.Kind);
            Assert.IsType<ConnectOutcome.Failed>(await opening);
            await tunnels.Client.Completion;
            await tunnels.Server.Completion;
            Assert.Equal(FailureKind.Reset, tunnels.Server.Failure?.Kind);
        });
    }

    [Fact]
    public async Task A_transport_that_ends_under_open_tunnels_is_a_truncation()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream stream = await tunnels.Open();
            await loop.Settle();
            tunnels.ServerSide.ShutdownWrite();
            await loop.Until(() => stream.Failure is not null);
            Assert.Equal(FailureKind.Truncated, stream.Failure!.Kind);
            await tunnels.Client.Completion;
        });
    }

    [Fact]
    public async Task A_connect_that_is_not_answered_in_time_fails_and_resets_the_stream()
    {
        await OnLoop.Run(async loop =>
        {
            IncomingConnect? pending = null;
            Tunnels tunnels = Tunnels.Join(
                loop,
                incoming =>
                {
                    pending = incoming;
                    return new ValueTask(new TaskCompletionSource().Task);
                },
                new HboneOptions { OpenTimeout = TimeSpan.FromMilliseconds(50) });
            ConnectOutcome outcome = await tunnels.Client.OpenAsync(new ConnectRequest("a:1"));
            Assert.Equal(FailureKind.TimedOut, Assert.IsType<ConnectOutcome.Failed>(outcome).Failure.Kind);
            await loop.Until(() => pending!.Failure is not null);
            Assert.True(pending!.Abandoned.IsCancellationRequested);
            Assert.Equal(0, tunnels.Server.OpenStreams);
        });
    }

    [Fact]
    public async Task A_cancelled_open_abandons_the_request_at_the_server()
    {
        await OnLoop.Run(async loop =>
        {
            TaskCompletionSource abandoned = new();
            Tunnels tunnels = Tunnels.Join(loop, async incoming =>
            {
                await using CancellationTokenRegistration registration = incoming.Abandoned.Register(abandoned.SetResult);
                await abandoned.Task;
                HboneStream stream = incoming.Accept();
                Assert.Equal(FailureKind.Reset, stream.Failure?.Kind);
            });
            using CancellationTokenSource cancel = new();
            ValueTask<ConnectOutcome> opening = tunnels.Client.OpenAsync(new ConnectRequest("a:1"), cancel.Token);
            await loop.Settle();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await opening);
            await abandoned.Task;
            await loop.Until(() => tunnels.Client.OpenStreams == 0 && tunnels.Server.OpenStreams == 0);
        });
    }

    [Fact]
    public async Task An_authority_that_cannot_be_a_header_is_refused_before_anything_is_sent()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            await Assert.ThrowsAsync<ArgumentException>(async () => await tunnels.Client.OpenAsync(new ConnectRequest("a:1\r\nx: y")));
            Assert.Equal(0, tunnels.Client.OpenStreams);
            await tunnels.Open();
        });
    }

    private static async Task FillWindow(HboneStream stream)
    {
        byte[] bytes = new byte[64 * 1024];
        while (stream.SendWindow > 0)
        {
            stream.TryWrite(new Chunk(bytes, Chunk.StandardHeadroom));
            await stream.Loop.YieldAsync();
        }
    }
}

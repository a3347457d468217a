using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>A client of ours facing servers that do as they please.</summary>
public sealed class ClientConformanceTests
{
    private static readonly ConnectRequest Request = new("10.0.0.1:80");

    [Fact]
    public async Task The_client_sends_preface_and_settings_and_may_connect_before_the_server_speaks()
    {
        await OnLoop.Run(async loop =>
        {
            (MemoryChannel ours, MemoryChannel theirs) = MemoryChannel.Pair(loop);
            _ = HboneConnection.Connect(ours).OpenAsync(Request);
            Assert.Equal(RawFrame.Preface, await Tunnels.Read(theirs, 24));
            byte[] settings = RawFrame.Settings(
                (SettingId.EnablePush, 0),
                (SettingId.InitialWindowSize, 256 * 1024),
                (SettingId.MaxFrameSize, 1024 * 1024),
                (SettingId.MaxHeaderListSize, 16 * 1024)).Bytes;
            Assert.Equal(settings, await Tunnels.Read(theirs, settings.Length));
            byte[] window = RawFrame.WindowUpdate(0, (16 * 1024 * 1024) - 65_535).Bytes;
            Assert.Equal(window, await Tunnels.Read(theirs, window.Length));
            byte[] headers = await Tunnels.Read(theirs, 9);
            Assert.Equal((RawFrame.HeadersType, RawFrame.EndHeaders, 1), (headers[3], headers[4], headers[8]));
        });
    }

    [Fact]
    public async Task Interim_answers_are_passed_over()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Expect(RawFrame.HeadersType);
            await peer.Send(RawFrame.Headers(1, RawFrame.Field(":status", "103")), RawFrame.Headers(1, RawFrame.OkBlock));
            Assert.IsType<ConnectOutcome.Opened>(await opening);
        });
    }

    [Fact]
    public async Task A_refusal_ends_the_stream_on_both_sides()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Headers(1, RawFrame.Field(":status", "403"), RawFrame.EndHeaders | RawFrame.EndStream));
            Assert.Equal(new ConnectOutcome.Refused(403), await opening);
            Assert.True((await peer.Expect(RawFrame.Data)).Has(RawFrame.EndStream));

            opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Headers(3, RawFrame.Field(":status", "503")), RawFrame.DataOf(3, "sorry"u8.ToArray()));
            Assert.Equal(new ConnectOutcome.Refused(503), await opening);
            await peer.ExpectReset(3, ErrorCode.Cancel);
            Assert.Equal(0, peer.Connection.OpenStreams);
        });
    }

    [Fact]
    public async Task A_stream_refused_unprocessed_says_so()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Reset(1, ErrorCode.RefusedStream));
            Assert.IsType<ConnectOutcome.NotProcessed>(await opening);
        });
    }

    [Fact]
    public async Task A_reset_instead_of_an_answer_is_a_failure()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Reset(1, ErrorCode.InternalError));
            Assert.Equal(FailureKind.Reset, Assert.IsType<ConnectOutcome.Failed>(await opening).Failure.Kind);
        });
    }

    [Fact]
    public async Task No_more_streams_are_opened_than_the_server_allows()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.MaxConcurrentStreams, 1));
            ValueTask<ConnectOutcome> first = peer.Connection.OpenAsync(Request);
            Assert.False(peer.Connection.CanOpen);
            Assert.IsType<ConnectOutcome.NotProcessed>(await peer.Connection.OpenAsync(Request));
            await peer.Send(RawFrame.Reset(1, ErrorCode.RefusedStream));
            await first;
            Assert.True(peer.Connection.CanOpen);
        });
    }

    [Fact]
    public async Task Goaway_lets_earlier_streams_live_and_marks_later_ones_retryable()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> first = peer.Connection.OpenAsync(Request);
            ValueTask<ConnectOutcome> second = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Headers(1, RawFrame.OkBlock), RawFrame.GoAway(1, ErrorCode.NoError));
            HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await first).Stream;
            Assert.IsType<ConnectOutcome.NotProcessed>(await second);
            Assert.True(peer.Connection.IsDraining);
            Assert.False(peer.Connection.CanOpen);

            await peer.Send(RawFrame.DataOf(1, "still here"u8.ToArray(), RawFrame.EndStream));
            Assert.Equal("still here"u8.ToArray(), await Tunnels.ReadAll(stream));
            stream.ShutdownWrite();
            Assert.True((await peer.Expect(RawFrame.Data)).Has(RawFrame.EndStream));
            await peer.ExpectGoAway(ErrorCode.NoError);
            Assert.Null(peer.Connection.Failure);
        });
    }

    [Fact]
    public async Task A_reset_without_error_after_the_end_leaves_what_was_read_complete()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Headers(1, RawFrame.OkBlock));
            HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;
            await peer.Send(RawFrame.DataOf(1, "all"u8.ToArray(), RawFrame.EndStream), RawFrame.Reset(1, ErrorCode.NoError));
            await loop.Until(() => stream.Failure is not null);
            Assert.Equal("all"u8.ToArray(), await Tunnels.ReadAll(stream));
        });
    }

    [Fact]
    public async Task A_reset_with_an_error_after_the_end_is_a_reset()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(RawFrame.Headers(1, RawFrame.OkBlock));
            HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;
            await peer.Send(RawFrame.DataOf(1, [], RawFrame.EndStream), RawFrame.Reset(1, ErrorCode.ConnectError));
            await loop.Until(() => stream.Failure is not null);
            Assert.Equal(ReadStatus.Failed, stream.TryRead(out _));
        });
    }

    public static TheoryData<string, ErrorCode> ConnectionErrors => new()
    {
        { "PUSH_PROMISE", ErrorCode.ProtocolError },
        { "HEADERS on an even stream", ErrorCode.ProtocolError },
        { "HEADERS on a stream not opened", ErrorCode.ProtocolError },
        { "SETTINGS that enable push", ErrorCode.ProtocolError },
    };

    [Theory]
    [MemberData(nameof(ConnectionErrors))]
    public async Task A_violation_of_the_connection_is_answered_with_goaway(string violation, ErrorCode code)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            await peer.Send(violation switch
            {
                "PUSH_PROMISE" => new RawFrame(RawFrame.PushPromise, RawFrame.EndHeaders, 1, [0, 0, 0, 2]),
                "HEADERS on an even stream" => RawFrame.Headers(2, RawFrame.OkBlock),
                "HEADERS on a stream not opened" => RawFrame.Headers(1, RawFrame.OkBlock),
                _ => RawFrame.Settings((SettingId.EnablePush, 1)),
            });
            await peer.ExpectGoAway(code);
        });
    }

    public static TheoryData<string> StreamErrors =>
        ["DATA before the answer", "an answer without :status", "an interim answer that ends the stream", "HEADERS after the answer"];

    [Theory]
    [MemberData(nameof(StreamErrors))]
    public async Task A_violation_of_a_stream_fails_it_and_nothing_else(string violation)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(Request);
            await peer.Send(violation switch
            {
                "DATA before the answer" => RawFrame.DataOf(1, [1]).Bytes,
                "an answer without :status" => RawFrame.Headers(1, RawFrame.Field("a", "b")).Bytes,
                "an interim answer that ends the stream" =>
                    RawFrame.Headers(1, RawFrame.Field(":status", "100"), RawFrame.EndHeaders | RawFrame.EndStream).Bytes,
                _ => [.. RawFrame.Headers(1, RawFrame.OkBlock).Bytes, .. RawFrame.Headers(1, RawFrame.OkBlock).Bytes],
            });
            ConnectOutcome outcome = await opening;
            await peer.ExpectReset(1, ErrorCode.ProtocolError);
            ChannelFailure? failure = outcome is ConnectOutcome.Opened opened ? opened.Stream.Failure : ((ConnectOutcome.Failed)outcome).Failure;
            Assert.Equal(FailureKind.Protocol, failure?.Kind);
        });
    }

    [Fact]
    public async Task When_stream_ids_run_out_the_connection_drains()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            peer.Connection.Streams.SkipTo(int.MaxValue);
            ValueTask<ConnectOutcome> last = peer.Connection.OpenAsync(Request);
            Assert.False(peer.Connection.CanOpen);
            Assert.True(peer.Connection.IsDraining);
            await peer.Send(RawFrame.Headers(int.MaxValue, RawFrame.OkBlock));
            HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await last).Stream;
            stream.Dispose();
            await peer.Expect(RawFrame.GoAwayType);
            await peer.Expect(RawFrame.ResetType);
            Assert.Null(await peer.Next());
        });
    }
}

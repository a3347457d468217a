using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Tests;

/// <summary>A server of ours facing clients that break RFC 9113, frame by frame.</summary>
public sealed class ServerConformanceTests
{
    [Fact]
    public async Task The_server_speaks_first_with_settings_and_a_full_connection_window()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = RawPeer.FacingServer(loop);
            RawFrame settings = (await peer.Next())!;
            Assert.Equal(RawFrame.SettingsType, settings.Type);
            RawFrame expected = RawFrame.Settings(
                (SettingId.MaxConcurrentStreams, 1000),
                (SettingId.InitialWindowSize, 256 * 1024),
                (SettingId.MaxFrameSize, 1024 * 1024),
                (SettingId.MaxHeaderListSize, 16 * 1024));
            Assert.Equal(expected.Payload, settings.Payload);
            RawFrame update = (await peer.Next())!;
            Assert.Equal((RawFrame.WindowUpdateType, 0, (16 * 1024 * 1024) - 65_535), (update.Type, update.StreamId, update.Increment));
        });
    }

    [Fact]
    public async Task A_connect_is_answered_and_echoed()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            await peer.Send(RawFrame.Connect(1), RawFrame.DataOf(1, "hello"u8.ToArray()));
            RawFrame answer = await peer.Expect(RawFrame.HeadersType);
            Assert.Equal((1, RawFrame.EndHeaders), (answer.StreamId, answer.Flags));
            Assert.Equal([0x88], answer.Payload);
            Assert.Equal("hello"u8.ToArray(), (await peer.Expect(RawFrame.Data)).Payload);
            await peer.Send(RawFrame.DataOf(1, "!"u8.ToArray(), RawFrame.EndStream));
            Assert.Equal("!"u8.ToArray(), (await peer.Expect(RawFrame.Data)).Payload);
            RawFrame end = await peer.Expect(RawFrame.Data);
            Assert.True(end.Has(RawFrame.EndStream));
            Assert.Empty(end.Payload);
            await loop.Until(() => peer.Connection.OpenStreams == 0);
        });
    }

    [Fact]
    public async Task Padding_is_taken_off_and_its_window_given_back()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new() { InitialStreamWindow = 1000, MaxStreamWindow = 1000 };
            RawPeer peer = await RawPeer.ClientOf(loop, options: options);
            await peer.Send(RawFrame.Connect(1));
            for (int i = 0; i < 20; i++)
            {
                byte[] padded = [200, (byte)i, .. new byte[200]];
                await peer.Send(RawFrame.DataOf(1, padded, RawFrame.Padded));
                Assert.Equal([(byte)i], (await peer.Expect(RawFrame.Data)).Payload);
            }

            Assert.Equal(1, peer.Connection.OpenStreams);
        });
    }

    [Fact]
    public async Task A_header_block_may_be_split_over_continuation_frames_anywhere()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            byte[] block = RawFrame.ConnectBlock;
            await peer.Send(RawFrame.Headers(1, block[..5], 0));
            await peer.Send(RawFrame.Continuation(1, block[5..20]), RawFrame.Continuation(1, block[20..], RawFrame.EndHeaders));
            Assert.Equal(1, (await peer.Expect(RawFrame.HeadersType)).StreamId);
        });
    }

    [Fact]
    public async Task Unknown_frames_priority_and_unknown_settings_are_ignored()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            await peer.Send(
                new RawFrame(0xfa, 0xff, 0, new byte[1000]),
                new RawFrame(0xfb, 0xff, 77, []),
                new RawFrame(RawFrame.Priority, 0, 5, [0, 0, 0, 0, 16]),
                RawFrame.Settings(((SettingId)0x99, 5)),
                RawFrame.Headers(1, [0, 0, 0, 0, 16, .. RawFrame.ConnectBlock], RawFrame.EndHeaders | 0x20));
            Assert.Equal(1, (await peer.Expect(RawFrame.HeadersType)).StreamId);
            await peer.ExpectAlive();
        });
    }

    [Fact]
    public async Task A_bad_preface_is_a_protocol_error()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = RawPeer.FacingServer(loop);
            await peer.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
            await peer.ExpectGoAway(ErrorCode.ProtocolError);
        });
    }

    public static TheoryData<string, ErrorCode> ConnectionErrors => new()
    {
        { "a first frame that is not SETTINGS", ErrorCode.ProtocolError },
        { "DATA on stream 0", ErrorCode.ProtocolError },
        { "DATA on an idle stream", ErrorCode.ProtocolError },
        { "WINDOW_UPDATE on an idle stream", ErrorCode.ProtocolError },
        { "RST_STREAM on an idle stream", ErrorCode.ProtocolError },
        { "an even stream id", ErrorCode.ProtocolError },
        { "a decreasing stream id", ErrorCode.StreamClosed },
        { "HEADERS on a closed stream", ErrorCode.StreamClosed },
        { "PUSH_PROMISE", ErrorCode.ProtocolError },
        { "a frame inside a header block", ErrorCode.ProtocolError },
        { "CONTINUATION of another stream", ErrorCode.ProtocolError },
        { "CONTINUATION out of nowhere", ErrorCode.ProtocolError },
        { "a frame larger than allowed", ErrorCode.FrameSizeError },
        { "a PING of seven bytes", ErrorCode.FrameSizeError },
        { "SETTINGS of seven bytes", ErrorCode.FrameSizeError },
        { "a SETTINGS acknowledgement with content", ErrorCode.FrameSizeError },
        { "a WINDOW_UPDATE of three bytes", ErrorCode.FrameSizeError },
        { "an initial window beyond 2^31-1", ErrorCode.FlowControlError },
        { "a maximal frame size too small", ErrorCode.ProtocolError },
        { "a connection window increment of 0", ErrorCode.ProtocolError },
        { "a connection window overflow", ErrorCode.FlowControlError },
        { "an initial window that overflows a stream's", ErrorCode.FlowControlError },
        { "a header block that is not HPACK", ErrorCode.CompressionError },
        { "padding longer than the frame", ErrorCode.ProtocolError },
        { "GOAWAY on a stream", ErrorCode.ProtocolError },
    };

    [Theory]
    [MemberData(nameof(ConnectionErrors))]
    public async Task A_violation_of_the_connection_is_answered_with_goaway(string violation, ErrorCode code)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer;
            if (violation == "a first frame that is not SETTINGS")
            {
                peer = RawPeer.FacingServer(loop);
                await peer.Send(RawFrame.Preface);
                await peer.Send(RawFrame.Ping());
            }
            else
            {
                peer = await RawPeer.ClientOf(loop);
                await peer.Send(Violating(violation));
            }

            await peer.ExpectGoAway(code);
            Assert.Equal(FailureKind.Protocol, peer.Connection.Failure?.Kind);
        });
    }

    public static TheoryData<string, ErrorCode> StreamErrors => new()
    {
        { "DATA after END_STREAM", ErrorCode.StreamClosed },
        { "HEADERS on a tunnel", ErrorCode.ProtocolError },
        { "HEADERS after END_STREAM", ErrorCode.StreamClosed },
        { "a stream window increment of 0", ErrorCode.ProtocolError },
        { "a stream window overflow", ErrorCode.FlowControlError },
        { "CONNECT with :path", ErrorCode.ProtocolError },
        { "CONNECT without :authority", ErrorCode.ProtocolError },
        { "an upper-case name", ErrorCode.ProtocolError },
        { "a connection header", ErrorCode.ProtocolError },
        { "a pseudo-header after others", ErrorCode.ProtocolError },
        { "an empty header block", ErrorCode.ProtocolError },
        { "a PRIORITY of four bytes", ErrorCode.FrameSizeError },
    };

    [Theory]
    [MemberData(nameof(StreamErrors))]
    public async Task A_violation_of_a_stream_resets_it_and_nothing_else(string violation, ErrorCode code)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, SwallowOrHold);
            await peer.Send(RawFrame.Connect(1));
            await peer.Expect(RawFrame.HeadersType);
            await peer.Send(Spoiling(violation));
            await peer.ExpectReset(3, code);
            await peer.Send(RawFrame.DataOf(1, [], RawFrame.EndStream));
            Assert.Equal(1, (await peer.Expect(RawFrame.Data)).StreamId);
            await loop.Until(() => peer.Connection.OpenStreams == 0);
        });
    }

    [Fact]
    public async Task A_stream_that_overruns_its_window_is_reset()
    {
        await OnLoop.Run(async loop =>
        {
            HboneStream? stream = null;
            HboneOptions options = new() { InitialStreamWindow = 10_000 };
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming =>
                {
                    stream = incoming.Accept();
                    return ValueTask.CompletedTask;
                },
                options);
            await peer.Send(RawFrame.Connect(1), RawFrame.DataOf(1, new byte[10_000]), RawFrame.DataOf(1, new byte[1]));
            await peer.ExpectReset(1, ErrorCode.FlowControlError);
            Assert.Equal(FailureKind.Protocol, stream!.Failure?.Kind);
        });
    }

    [Fact]
    public async Task A_connection_that_overruns_its_window_is_broken()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new() { ConnectionWindow = 65_535, MaxBuffered = 0, InitialStreamWindow = 1_000_000 };
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming =>
                {
                    incoming.Accept();
                    return ValueTask.CompletedTask;
                },
                options);
            await peer.Send(RawFrame.Connect(1));
            for (int i = 0; i < 9; i++)
                await peer.Send(RawFrame.DataOf(1, new byte[16_384]));
            await peer.ExpectGoAway(ErrorCode.FlowControlError);
        });
    }

    [Fact]
    public async Task Streams_beyond_the_limit_are_refused_so_that_they_can_be_retried()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, options: new HboneOptions { MaxConcurrentStreams = 2 });
            await peer.Send(RawFrame.Connect(1), RawFrame.Connect(3), RawFrame.Connect(5));
            await peer.ExpectReset(5, ErrorCode.RefusedStream);
            await peer.Send(RawFrame.DataOf(1, [], RawFrame.EndStream));
            await peer.Expect(RawFrame.Data, frame => frame.Has(RawFrame.EndStream));
            await peer.Send(RawFrame.Connect(7));
            Assert.Equal(7, (await peer.Expect(RawFrame.HeadersType)).StreamId);
        });
    }

    [Theory]
    [InlineData("GET", "405")]
    [InlineData("POST", "405")]
    public async Task Other_methods_are_refused(string method, string status)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            byte[] block =
            [
                .. RawFrame.Field(":method", method), .. RawFrame.Field(":scheme", "https"),
                .. RawFrame.Field(":authority", "a"), .. RawFrame.Field(":path", "/"),
            ];
            await peer.Send(RawFrame.Headers(1, block, RawFrame.EndHeaders | RawFrame.EndStream));
            RawFrame answer = await peer.Expect(RawFrame.HeadersType);
            Assert.True(answer.Has(RawFrame.EndStream));
            HeaderList headers = new();
            Assert.Null(new HpackDecoder(4096, 16_384).Decode(answer.Payload, headers));
            Assert.Equal(status, headers.GetText(KnownHeader.Status));
            Assert.Equal(0, peer.Connection.OpenStreams);
            await peer.ExpectAlive();
        });
    }

    [Fact]
    public async Task Frames_that_were_on_their_way_when_we_reset_a_stream_are_ignored()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, incoming =>
            {
                incoming.Accept().Dispose();
                return ValueTask.CompletedTask;
            });
            await peer.Send(RawFrame.Connect(1));
            await peer.ExpectReset(1, ErrorCode.Cancel);
            await peer.Send(
                RawFrame.DataOf(1, new byte[100]), RawFrame.WindowUpdate(1, 5), RawFrame.Headers(1, RawFrame.Field("a", "b")), RawFrame.Reset(1, ErrorCode.Cancel));
            await peer.ExpectAlive();
        });
    }

    [Fact]
    public async Task Data_for_a_stream_that_ended_both_ways_is_answered_stream_closed()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            await peer.Send(RawFrame.Connect(1), RawFrame.DataOf(1, [], RawFrame.EndStream));
            await loop.Until(() => peer.Connection.OpenStreams == 0);
            await peer.Send(RawFrame.DataOf(1, new byte[10]));
            await peer.ExpectReset(1, ErrorCode.StreamClosed);
        });
    }

    private static byte[] Violating(string violation) => violation switch
    {
        "DATA on stream 0" => RawFrame.DataOf(0, [1]).Bytes,
        "DATA on an idle stream" => RawFrame.DataOf(1, [1]).Bytes,
        "WINDOW_UPDATE on an idle stream" => RawFrame.WindowUpdate(1, 1).Bytes,
        "RST_STREAM on an idle stream" => RawFrame.Reset(1, ErrorCode.Cancel).Bytes,
        "an even stream id" => RawFrame.Connect(2).Bytes,
        "a decreasing stream id" => [.. RawFrame.Connect(5).Bytes, .. RawFrame.Connect(3).Bytes],
        "HEADERS on a closed stream" =>
            [.. RawFrame.Connect(1).Bytes, .. RawFrame.Reset(1, ErrorCode.Cancel).Bytes, .. RawFrame.Connect(1).Bytes],
        "PUSH_PROMISE" => new RawFrame(RawFrame.PushPromise, RawFrame.EndHeaders, 1, [0, 0, 0, 2, .. RawFrame.ConnectBlock]).Bytes,
        "a frame inside a header block" =>
            [.. RawFrame.Headers(1, RawFrame.ConnectBlock[..5], 0).Bytes, .. RawFrame.Ping().Bytes],
        "CONTINUATION of another stream" =>
            [.. RawFrame.Headers(1, RawFrame.ConnectBlock[..5], 0).Bytes, .. RawFrame.Continuation(3, RawFrame.ConnectBlock[5..], RawFrame.EndHeaders).Bytes],
        "CONTINUATION out of nowhere" => RawFrame.Continuation(1, RawFrame.ConnectBlock, RawFrame.EndHeaders).Bytes,
        "a frame larger than allowed" => [0x20, 0, 0, RawFrame.Data, 0, 0, 0, 0, 1],
        "a PING of seven bytes" => new RawFrame(RawFrame.PingType, 0, 0, new byte[7]).Bytes,
        "SETTINGS of seven bytes" => new RawFrame(RawFrame.SettingsType, 0, 0, new byte[7]).Bytes,
        "a SETTINGS acknowledgement with content" => new RawFrame(RawFrame.SettingsType, RawFrame.Ack, 0, new byte[6]).Bytes,
        "a WINDOW_UPDATE of three bytes" => new RawFrame(RawFrame.WindowUpdateType, 0, 0, new byte[3]).Bytes,
        "an initial window beyond 2^31-1" => RawFrame.Settings((SettingId.InitialWindowSize, 0x8000_0000)).Bytes,
        "a maximal frame size too small" => RawFrame.Settings((SettingId.MaxFrameSize, 100)).Bytes,
        "a connection window increment of 0" => RawFrame.WindowUpdate(0, 0).Bytes,
        "a connection window overflow" => RawFrame.WindowUpdate(0, int.MaxValue).Bytes,
        "an initial window that overflows a stream's" =>
        [
            .. RawFrame.Connect(1).Bytes, .. RawFrame.WindowUpdate(1, int.MaxValue - 65_535).Bytes,
            .. RawFrame.Settings((SettingId.InitialWindowSize, 65_536)).Bytes,
        ],
        "a header block that is not HPACK" => RawFrame.Headers(1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).Bytes,
        "padding longer than the frame" => [.. RawFrame.Connect(1).Bytes, .. RawFrame.DataOf(1, [200, 1, 2], RawFrame.Padded).Bytes],
        "GOAWAY on a stream" => new RawFrame(RawFrame.GoAwayType, 0, 1, new byte[8]).Bytes,
        _ => throw new ArgumentOutOfRangeException(nameof(violation), violation, "Unknown case."),
    };

    private static byte[] Spoiling(string violation) => violation switch
    {
        "DATA after END_STREAM" => [.. Half(3), .. RawFrame.DataOf(3, [1]).Bytes],
        "HEADERS on a tunnel" => [.. RawFrame.Connect(3).Bytes, .. RawFrame.Headers(3, RawFrame.Field("a", "b")).Bytes],
        "HEADERS after END_STREAM" => [.. Half(3), .. RawFrame.Headers(3, RawFrame.Field("a", "b")).Bytes],
        "a stream window increment of 0" => [.. RawFrame.Connect(3).Bytes, .. RawFrame.WindowUpdate(3, 0).Bytes],
        "a stream window overflow" => [.. RawFrame.Connect(3).Bytes, .. RawFrame.WindowUpdate(3, int.MaxValue).Bytes],
        "CONNECT with :path" => RawFrame.Headers(3, [.. RawFrame.ConnectBlock, .. RawFrame.Field(":path", "/")]).Bytes,
        "CONNECT without :authority" => RawFrame.Headers(3, RawFrame.Field(":method", "CONNECT")).Bytes,
        "an upper-case name" => RawFrame.Headers(3, [.. RawFrame.ConnectBlock, .. RawFrame.Field("Baggage", "a")]).Bytes,
        "a connection header" => RawFrame.Headers(3, [.. RawFrame.ConnectBlock, .. RawFrame.Field("connection", "close")]).Bytes,
        "a pseudo-header after others" =>
            RawFrame.Headers(3, [.. RawFrame.Field(":method", "CONNECT"), .. RawFrame.Field("a", "b"), .. RawFrame.Field(":authority", "a:1")]).Bytes,
        "an empty header block" => RawFrame.Headers(3, []).Bytes,
        "a PRIORITY of four bytes" => [.. RawFrame.Connect(3).Bytes, .. new RawFrame(RawFrame.Priority, 0, 3, new byte[4]).Bytes],
        _ => throw new ArgumentOutOfRangeException(nameof(violation), violation, "Unknown case."),
    };

    private static byte[] Half(int streamId)
    {
        byte[] block = [.. RawFrame.Field(":method", "CONNECT"), .. RawFrame.Field(":authority", "hold:1")];
        return RawFrame.Headers(streamId, block, RawFrame.EndHeaders | RawFrame.EndStream).Bytes;
    }

    private static ValueTask SwallowOrHold(IncomingConnect incoming)
    {
        // A held tunnel stays half-closed: our side of it never ends.
        if (incoming.Authority != "hold:1")
            return Tunnels.Swallow(incoming);
        incoming.Accept();
        return ValueTask.CompletedTask;
    }
}

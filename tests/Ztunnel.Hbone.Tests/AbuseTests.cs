using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>What a peer may do to us, and where that ends.</summary>
public sealed class AbuseTests
{
    public static TheoryData<string> Floods =>
        ["PING", "SETTINGS", "empty DATA", "padding only", "unknown frames", "PRIORITY", "WINDOW_UPDATE", "frames for a closed stream", "HEADERS for a stream we reset", "GOAWAY", "stray acknowledgements"];

    [Theory]
    [MemberData(nameof(Floods))]
    public async Task A_flood_of_frames_that_move_nothing_is_told_to_calm_down(string what)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, Hold, new HboneOptions { IdleFrameBurst = 300, IdleFrameRate = 0 });
            await peer.Send(RawFrame.Connect(1), RawFrame.Connect(3), RawFrame.Reset(3, ErrorCode.Cancel));
            await peer.Send(RawFrame.Connect(5), RawFrame.WindowUpdate(5, 0));
            byte[] frame = what switch
            {
                "PING" => RawFrame.Ping().Bytes,
                "SETTINGS" => RawFrame.Settings().Bytes,
                "empty DATA" => RawFrame.DataOf(1, []).Bytes,
                "padding only" => RawFrame.DataOf(1, [3, 0, 0, 0], RawFrame.Padded).Bytes,
                "unknown frames" => new RawFrame(0xee, 0, 1, [1, 2, 3]).Bytes,
                "PRIORITY" => new RawFrame(RawFrame.Priority, 0, 1, new byte[5]).Bytes,
                "WINDOW_UPDATE" => RawFrame.WindowUpdate(1, 1).Bytes,
                "HEADERS for a stream we reset" => RawFrame.Headers(5, RawFrame.Field("a", "b")).Bytes,
                "GOAWAY" => RawFrame.GoAway(0, ErrorCode.NoError).Bytes,
                "stray acknowledgements" => RawFrame.SettingsAck().Bytes,
                _ => RawFrame.Reset(3, ErrorCode.Cancel).Bytes,
            };
            for (int i = 0; i < 310; i++)
                await peer.Send(frame);
            await peer.ExpectGoAway(ErrorCode.EnhanceYourCalm);
        });
    }

    [Fact]
    public async Task Credit_for_bytes_we_send_is_no_flood()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, options: new HboneOptions { IdleFrameBurst = 300, IdleFrameRate = 0 });
            await peer.Send(RawFrame.Connect(1));
            for (int i = 0; i < 2000; i++)
            {
                await peer.Send(RawFrame.DataOf(1, [1]));
                await peer.Expect(RawFrame.Data);
                await peer.Send(RawFrame.WindowUpdate(1, 1), RawFrame.WindowUpdate(0, 1));
            }

            await peer.ExpectAlive();
        });
    }

    [Fact]
    public async Task Forgiveness_comes_with_time()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                HboneOptions options = new() { IdleFrameBurst = 100, IdleFrameRate = 10, KeepAliveInterval = Timeout.InfiniteTimeSpan };
                RawPeer peer = await RawPeer.ClientOf(loop, options: options);
                for (int second = 0; second < 100; second++)
                {
                    for (int i = 0; i < 9; i++)
                        await peer.Send(RawFrame.Ping());
                    await peer.ExpectAlive();
                    time.Advance(TimeSpan.FromSeconds(1));
                }
            },
            time);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2000)]
    public async Task A_header_block_that_goes_on_and_on_ends_the_connection(int fragment)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            await peer.Send(RawFrame.Headers(1, RawFrame.ConnectBlock, 0));
            for (int i = 0; i < 40; i++)
                await peer.Send(RawFrame.Continuation(1, [.. Enumerable.Repeat((byte)0x88, fragment)]));
            await peer.ExpectGoAway(ErrorCode.EnhanceYourCalm);
            Assert.Equal(0, peer.Connection.OpenStreams);
        });
    }

    [Fact]
    public async Task Headers_that_are_too_many_are_refused_with_431_and_the_connection_goes_on()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            byte[] large = [.. RawFrame.ConnectBlock, .. RawFrame.Field("baggage", new string('a', 17_000))];
            await peer.Send(RawFrame.Headers(1, large));
            RawFrame answer = await peer.Expect(RawFrame.HeadersType);
            HeaderList headers = new();
            new HpackDecoder(4096, 16_384).Decode(answer.Payload, headers);
            Assert.Equal("431", headers.GetText(KnownHeader.Status));
            Assert.True(answer.Has(RawFrame.EndStream));
            await peer.Send(RawFrame.Connect(3));
            Assert.Equal(3, (await peer.Expect(RawFrame.HeadersType)).StreamId);
        });
    }

    [Fact]
    public async Task A_peer_that_does_not_read_its_answers_is_broken_off_before_they_pile_up()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new() { IdleFrameBurst = 1_000_000, MaxQueuedAnswers = 10_000, CloseTimeout = TimeSpan.FromMilliseconds(50) };
            RawPeer peer = await RawPeer.ClientOf(loop, options: options, transport: new MemoryChannelOptions { Capacity = 1000 });
            for (int i = 0; i < 2000 && !peer.Connection.IsDraining; i++)
            {
                await peer.Send(RawFrame.Ping());
                Assert.InRange(peer.Connection.Writer.QueuedBytes, 0, 11_000);
            }

            Assert.True(peer.Connection.IsDraining);
            await peer.Connection.Completion;
            Assert.Contains("ENHANCE_YOUR_CALM", peer.Connection.Failure!.Detail, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_peer_that_withholds_a_streams_window_loses_that_stream_only()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                HboneOptions options = new() { StallTimeout = TimeSpan.FromMinutes(10), KeepAliveInterval = Timeout.InfiniteTimeSpan };
                HboneStream? stalled = null;
                RawPeer peer = await RawPeer.ClientOf(
                    loop,
                    async incoming =>
                    {
                        stalled = incoming.Accept();
                        while (stalled.Failure is null)
                        {
                            if (stalled.TryWrite(new Chunk(new byte[100], 0)) == 0)
                                await stalled.WaitForWriteAsync();
                        }
                    },
                    options,
                    settings: (SettingId.InitialWindowSize, 1000));
                await peer.Send(RawFrame.Connect(1));
                await loop.Until(() => stalled is { IsStalled: true });
                await Pass(loop, time, TimeSpan.FromMinutes(9));
                Assert.Null(stalled!.Failure);
                await peer.Send(RawFrame.WindowUpdate(1, 1));
                await Pass(loop, time, TimeSpan.FromMinutes(9));
                Assert.Null(stalled.Failure);
                await Pass(loop, time, TimeSpan.FromMinutes(2));
                await peer.ExpectReset(1, ErrorCode.EnhanceYourCalm);
                Assert.Equal(FailureKind.TimedOut, stalled.Failure?.Kind);
            },
            time);
    }

    [Fact]
    public async Task A_peer_that_withholds_the_connections_window_loses_the_connection()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                HboneOptions options = new() { StallTimeout = TimeSpan.FromMinutes(10), KeepAliveInterval = Timeout.InfiniteTimeSpan };
                RawPeer peer = await RawPeer.ClientOf(
                    loop,
                    async incoming => await incoming.Accept().WriteAsync(new byte[100_000]),
                    options,
                    settings: (SettingId.InitialWindowSize, 1_000_000));
                await peer.Send(RawFrame.Connect(1));
                await loop.Until(() => peer.Connection.Writer.IsHeldUp);
                await Pass(loop, time, TimeSpan.FromMinutes(9));
                Assert.False(peer.Connection.IsDraining);
                await Pass(loop, time, TimeSpan.FromMinutes(2));
                Assert.Equal((int)ErrorCode.EnhanceYourCalm, (await peer.Expect(RawFrame.GoAwayType)).Code);
            },
            time);
    }

    public static TheoryData<string, ErrorCode> Dawdlers => new()
    {
        { "says nothing", ErrorCode.SettingsTimeout },
        { "sends a preface and nothing else", ErrorCode.SettingsTimeout },
        { "never acknowledges", ErrorCode.SettingsTimeout },
        { "does not finish a header block", ErrorCode.EnhanceYourCalm },
    };

    [Theory]
    [MemberData(nameof(Dawdlers))]
    public async Task A_peer_that_dawdles_is_dropped(string how, ErrorCode code)
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                RawPeer peer = RawPeer.FacingServer(loop);
                byte[] sent = how switch
                {
                    "says nothing" => [],
                    "sends a preface and nothing else" => RawFrame.Preface,
                    "never acknowledges" => [.. RawFrame.Preface, .. RawFrame.Settings().Bytes],
                    _ =>
                    [
                        .. RawFrame.Preface, .. RawFrame.Settings().Bytes, .. RawFrame.SettingsAck().Bytes,
                        .. RawFrame.Headers(1, RawFrame.ConnectBlock[..3], 0).Bytes,
                    ],
                };
                if (sent.Length > 0)
                    await peer.Send(sent);
                await Pass(loop, time, TimeSpan.FromSeconds(8));
                Assert.False(peer.Connection.IsDraining);
                await Pass(loop, time, TimeSpan.FromSeconds(5));
                Assert.Equal((int)code, (await peer.Expect(RawFrame.GoAwayType)).Code);
            },
            time);
    }

    [Fact]
    public async Task A_connection_that_broke_reads_no_further_and_is_let_go_of_in_time()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                RawPeer peer = await RawPeer.ClientOf(loop);
                await peer.Send(RawFrame.Connect(2));
                await peer.Send(RawFrame.Connect(1));
                await loop.Settle();
                Assert.Equal(0, peer.Connection.OpenStreams);
                Assert.False(peer.Connection.IsClosed);
                await Pass(loop, time, TimeSpan.FromSeconds(3));
                Assert.True(peer.Connection.IsClosed);
            },
            time);
    }

    private static ValueTask Hold(IncomingConnect incoming)
    {
        incoming.Accept();
        return ValueTask.CompletedTask;
    }

    private static async Task Pass(EventLoop loop, ManualTime time, TimeSpan span)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromSeconds(1))
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await loop.Settle();
        }
    }
}

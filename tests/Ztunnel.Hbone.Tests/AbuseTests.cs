using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>What a peer may do to us, and where that ends.</summary>
public sealed class AbuseTests
{
    [Fact]
    public async Task A_client_that_opens_and_resets_streams_has_the_next_ones_refused_and_then_is_told_to_calm_down()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new() { SpoiledStreamBurst = 100, SpoiledStreamRate = 0, IdleFrameBurst = 50, IdleFrameRate = 0 };
            int handled = 0;
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming =>
                {
                    handled++;
                    return Forget(incoming);
                },
                options);
            for (int i = 0; i < 100; i++)
                await peer.Send(RawFrame.Connect((2 * i) + 1), RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            await peer.Send(RawFrame.Connect(201));
            await peer.ExpectReset(201, ErrorCode.RefusedStream);
            for (int i = 101; i < 200; i++)
                await peer.Send(RawFrame.Connect((2 * i) + 1), RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            await peer.ExpectGoAway(ErrorCode.EnhanceYourCalm);
            Assert.Equal(100, handled);
        });
    }

    [Fact]
    public async Task Streams_refused_for_too_many_resets_are_taken_again_after_a_while()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                HboneOptions options = new()
                {
                    SpoiledStreamBurst = 100, SpoiledStreamRate = 50, KeepAliveInterval = Timeout.InfiniteTimeSpan,
                };
                RawPeer peer = await RawPeer.ClientOf(loop, Forget, options);
                for (int i = 0; i < 100; i++)
                    await peer.Send(RawFrame.Connect((2 * i) + 1), RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
                await peer.Send(RawFrame.Connect(201));
                await peer.ExpectReset(201, ErrorCode.RefusedStream);
                time.Advance(TimeSpan.FromMilliseconds(100));
                await peer.Send(RawFrame.Connect(203));
                await peer.ExpectAlive();
                Assert.Equal(1, peer.Connection.OpenStreams);
            },
            time);
    }

    [Fact]
    public async Task Tunnels_opened_and_reset_without_a_byte_as_a_health_check_does_are_no_abuse()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, Hold, new HboneOptions { SpoiledStreamBurst = 10, SpoiledStreamRate = 0 });
            for (int i = 0; i < 500; i++)
            {
                await peer.Send(RawFrame.Connect((2 * i) + 1));
                await peer.Expect(RawFrame.HeadersType);
                await peer.Send(RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            }

            await peer.ExpectAlive();
            Assert.False(peer.Connection.IsDraining);
        });
    }

    [Fact]
    public async Task Tunnels_that_were_answered_make_up_for_some_that_were_not()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming => incoming.StreamId % 4 == 1 ? Hold(incoming) : Forget(incoming),
                new HboneOptions { SpoiledStreamBurst = 10, SpoiledStreamRate = 0 });
            for (int i = 0; i < 100; i++)
            {
                await peer.Send(RawFrame.Connect((4 * i) + 1));
                await peer.Expect(RawFrame.HeadersType);
                await peer.Send(
                    RawFrame.Reset((4 * i) + 1, ErrorCode.Cancel), RawFrame.Connect((4 * i) + 3), RawFrame.Reset((4 * i) + 3, ErrorCode.Cancel));
            }

            await peer.ExpectAlive();
            Assert.False(peer.Connection.IsDraining);
        });
    }

    [Fact]
    public void What_is_forgiven_over_time_does_not_depend_on_how_often_one_looks()
    {
        AbuseBudget budget = new(burst: 1, perSecond: 100, now: 0);
        int spent = 0;
        for (uint now = 0; now < 10_000; now += 15)
            spent += budget.TrySpend(1, now) ? 1 : 0;

        // Every look finds one and a half earned, and can keep one at most.
        Assert.InRange(spent, 660, 668);
        AbuseBudget slow = new(burst: 1, perSecond: 100, now: 0);
        spent = 0;
        for (uint now = 0; now < 10_000; now += 7)
            spent += slow.TrySpend(1, now) ? 1 : 0;
        Assert.InRange(spent, 990, 1_001);
    }

    [Fact]
    public async Task Requests_that_were_reset_count_against_the_limit_until_their_handlers_end()
    {
        await OnLoop.Run(async loop =>
        {
            int running = 0;
            TaskCompletionSource release = new();
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                async _ =>
                {
                    running++;
                    await release.Task;
                    running--;
                },
                new HboneOptions { MaxConcurrentStreams = 10 });
            for (int i = 0; i < 50; i++)
                await peer.Send(RawFrame.Connect((2 * i) + 1), RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            await peer.ExpectAlive();
            Assert.Equal(10, running);
            release.SetResult();
            await loop.Until(() => running == 0);
            await peer.Send(RawFrame.Connect(1001));
            RawFrame answer = await peer.Expect(RawFrame.HeadersType);
            Assert.Equal(1001, answer.StreamId);
        });
    }

    [Fact]
    public async Task Many_used_tunnels_reset_at_once_are_no_abuse()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, options: new HboneOptions { SpoiledStreamBurst = 10, SpoiledStreamRate = 0 });
            for (int i = 0; i < 500; i++)
            {
                await peer.Send(RawFrame.Connect((2 * i) + 1), RawFrame.DataOf((2 * i) + 1, [1]));
                await peer.Expect(RawFrame.Data);
            }

            Assert.Equal(500, peer.Connection.OpenStreams);
            for (int i = 0; i < 500; i++)
                await peer.Send(RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            await peer.ExpectAlive();
            Assert.Equal(0, peer.Connection.OpenStreams);
        });
    }

    public static TheoryData<string> Spoilers => ["malformed requests", "window updates of zero", "DATA beyond the window"];

    [Theory]
    [MemberData(nameof(Spoilers))]
    public async Task A_client_that_makes_us_reset_streams_is_told_to_calm_down(string how)
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new()
            {
                SpoiledStreamBurst = 50, SpoiledStreamRate = 0, IdleFrameBurst = 20, IdleFrameRate = 0, InitialStreamWindow = 10,
            };
            RawPeer peer = await RawPeer.ClientOf(loop, Forget, options);
            for (int i = 0; i < 100; i++)
            {
                int id = (2 * i) + 1;
                await peer.Send(how switch
                {
                    "malformed requests" => RawFrame.Headers(id, []).Bytes,
                    "window updates of zero" => [.. RawFrame.Connect(id).Bytes, .. RawFrame.WindowUpdate(id, 0).Bytes],
                    _ => [.. RawFrame.Connect(id).Bytes, .. RawFrame.DataOf(id, new byte[11]).Bytes],
                });
            }

            await peer.ExpectGoAway(ErrorCode.EnhanceYourCalm);
        });
    }

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

    private static ValueTask Forget(IncomingConnect incoming) => new(Task.Delay(Timeout.Infinite, incoming.Abandoned));

    private static async Task Pass(EventLoop loop, ManualTime time, TimeSpan span)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < span; passed += TimeSpan.FromSeconds(1))
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await loop.Settle();
        }
    }
}

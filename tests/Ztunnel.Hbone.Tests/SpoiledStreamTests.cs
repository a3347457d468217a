using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>Streams opened in vain: what is abuse (CVE-2023-44487) and what is not.</summary>
public sealed class SpoiledStreamTests
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
                    SpoiledStreamBurst = 100,
                    SpoiledStreamRate = 50,
                    KeepAliveInterval = Timeout.InfiniteTimeSpan,
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
                SpoiledStreamBurst = 50,
                SpoiledStreamRate = 0,
                IdleFrameBurst = 20,
                IdleFrameRate = 0,
                InitialStreamWindow = 10,
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

    private static ValueTask Hold(IncomingConnect incoming)
    {
        incoming.Accept();
        return ValueTask.CompletedTask;
    }

    private static ValueTask Forget(IncomingConnect incoming) => new(Task.Delay(Timeout.Infinite, incoming.Abandoned));
}

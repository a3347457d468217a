using System.Text;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

public sealed class DrainTests
{
    [Fact]
    public async Task A_draining_server_serves_what_crossed_its_goaway_and_refuses_what_comes_later()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            await peer.Send(RawFrame.Connect(1));
            await peer.Expect(RawFrame.HeadersType);
            Task drained = peer.Connection.DrainAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(int.MaxValue, (await peer.Expect(RawFrame.GoAwayType)).LastStreamId);
            RawFrame ping = await peer.Expect(RawFrame.PingType);

            await peer.Send(RawFrame.Connect(3));
            Assert.Equal(3, (await peer.Expect(RawFrame.HeadersType)).StreamId);
            await peer.Send(ping with { Flags = RawFrame.Ack });
            RawFrame final = await peer.Expect(RawFrame.GoAwayType);
            Assert.Equal((3, (int)ErrorCode.NoError), (final.LastStreamId, final.Code));
            await peer.Send(RawFrame.Connect(5));
            RawFrame reset = await peer.Expect(RawFrame.ResetType);
            Assert.Equal((5, (int)ErrorCode.RefusedStream), (reset.StreamId, reset.Code));

            await peer.Send(RawFrame.DataOf(3, "bye"u8.ToArray(), RawFrame.EndStream), RawFrame.Reset(1, ErrorCode.Cancel));
            Assert.Equal("bye"u8.ToArray(), (await peer.Expect(RawFrame.Data)).Payload);
            Assert.True((await peer.Expect(RawFrame.Data)).Has(RawFrame.EndStream));
            Assert.Null(await peer.Next());
            Assert.False(drained.IsCompleted);
            peer.Channel.ShutdownWrite();
            await drained;
            Assert.Null(peer.Connection.Failure);
        });
    }

    [Fact]
    public async Task A_peer_that_ignores_the_drains_ping_does_not_hold_it_up()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                RawPeer peer = await RawPeer.ClientOf(loop);
                _ = peer.Connection.DrainAsync(TimeSpan.FromSeconds(30));
                Assert.Equal(int.MaxValue, (await peer.Expect(RawFrame.GoAwayType)).LastStreamId);
                time.Advance(TimeSpan.FromSeconds(1));
                Assert.Equal(0, (await peer.Expect(RawFrame.GoAwayType)).LastStreamId);
                Assert.Null(await peer.Next());
            },
            time);
    }

    [Fact]
    public async Task A_drain_waits_for_a_ping_of_its_own_and_not_for_one_sent_before_its_goaway()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop);
            peer.Connection.Heartbeat.Send();
            RawFrame early = await peer.Expect(RawFrame.PingType);
            Task drained = peer.Connection.DrainAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(int.MaxValue, (await peer.Expect(RawFrame.GoAwayType)).LastStreamId);
            RawFrame own = await peer.Expect(RawFrame.PingType);
            Assert.NotEqual(early.Payload, own.Payload);

            await peer.Send(early with { Flags = RawFrame.Ack });
            await peer.Send(RawFrame.Connect(1));
            Assert.Equal(1, (await peer.Expect(RawFrame.HeadersType)).StreamId);
            await peer.Send(own with { Flags = RawFrame.Ack });
            Assert.Equal(1, (await peer.Expect(RawFrame.GoAwayType)).LastStreamId);
            await peer.Send(RawFrame.Reset(1, ErrorCode.Cancel));
            Assert.Null(await peer.Next());
            peer.Channel.ShutdownWrite();
            await drained;
        });
    }

    [Theory]
    [InlineData("too_many_pings", "ENHANCE_YOUR_CALM (too_many_pings)")]
    [InlineData("a\r\nb\u001b[31m\u00ff", "ENHANCE_YOUR_CALM (a??b?[31m??)")]
    [InlineData("", "ENHANCE_YOUR_CALM")]
    public async Task The_reason_a_peer_gives_for_going_away_is_told_without_its_control_characters(string sent, string told)
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop);
            Task<ConnectOutcome> opening = peer.Connection.OpenAsync(new ConnectRequest("a:1")).AsTask();
            RawFrame goAway = RawFrame.GoAway(0, ErrorCode.EnhanceYourCalm);
            await peer.Send(goAway with { Payload = [.. goAway.Payload, .. Encoding.UTF8.GetBytes(sent)] });
            ConnectOutcome.NotProcessed outcome = Assert.IsType<ConnectOutcome.NotProcessed>(await opening);
            Assert.Equal($"the peer sent GOAWAY {told}", outcome.Failure.Detail);
        });
    }

    [Fact]
    public async Task At_the_deadline_what_is_left_is_reset()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream stream = await tunnels.Open();
            await tunnels.Server.DrainAsync(TimeSpan.FromMilliseconds(50));
            Assert.Equal(FailureKind.Reset, stream.Failure?.Kind);
            await tunnels.Client.Completion;
            Assert.Null(tunnels.Client.Failure);
            Assert.True(tunnels.ServerSide.EndedInOrder);
            Assert.True(tunnels.ClientSide.EndedInOrder);
        });
    }

    [Fact]
    public async Task A_drained_connection_lets_its_tunnels_end()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo);
            HboneStream stream = await tunnels.Open();
            Task drained = tunnels.Server.DrainAsync(TimeSpan.FromSeconds(30));
            await loop.Until(() => tunnels.Client.IsDraining);
            await stream.WriteAsync("still here"u8.ToArray());
            Assert.Equal("still here"u8.ToArray(), await Tunnels.Read(stream, 10));
            Assert.IsType<ConnectOutcome.NotProcessed>(await tunnels.Client.OpenAsync(new ConnectRequest("a:1")));
            stream.ShutdownWrite();
            await Tunnels.ReadAll(stream);
            await drained;
            await tunnels.Client.Completion;
            Assert.Null(stream.Failure);
        });
    }

    [Fact]
    public async Task Open_requests_survive_a_drain_that_begins_under_them()
    {
        await OnLoop.Run(async loop =>
        {
            List<IncomingConnect> requests = [];
            TaskCompletionSource answer = new();
            Tunnels tunnels = Tunnels.Join(loop, async incoming =>
            {
                requests.Add(incoming);
                await answer.Task;
                await Tunnels.Echo(incoming);
            });
            Task<ConnectOutcome> opening = tunnels.Client.OpenAsync(new ConnectRequest("a:1")).AsTask();
            await loop.Until(() => requests.Count == 1);
            _ = tunnels.Server.DrainAsync(TimeSpan.FromSeconds(30));
            await loop.Until(() => tunnels.Client.IsDraining);
            answer.SetResult();
            HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;
            stream.Dispose();
        });
    }

    [Fact]
    public async Task A_silent_peer_is_asked_and_given_up_when_it_does_not_answer()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                RawPeer peer = await RawPeer.ServerOf(loop);
                ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(new ConnectRequest("a:1"));
                await peer.Send(RawFrame.Headers(1, RawFrame.OkBlock));
                HboneStream stream = Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;

                await Pass(loop, time, 28);
                Assert.False(peer.Connection.Heartbeat.IsWaiting);
                await Pass(loop, time, 4);
                RawFrame ping = await peer.Expect(RawFrame.PingType);
                await peer.Send(ping with { Flags = RawFrame.Ack });
                await Pass(loop, time, 28);
                Assert.Null(stream.Failure);
                await Pass(loop, time, 4);
                await peer.Expect(RawFrame.PingType);
                await Pass(loop, time, 18);
                Assert.Null(stream.Failure);
                await Pass(loop, time, 4);
                Assert.Equal(FailureKind.TimedOut, stream.Failure?.Kind);
                Assert.True(peer.Connection.IsClosed);
            },
            time);
    }

    [Fact]
    public async Task The_round_trip_time_is_known_from_the_handshake_and_from_pings()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                RawPeer peer = RawPeer.FacingServer(loop);
                await peer.Send(RawFrame.Preface);
                time.Advance(TimeSpan.FromMilliseconds(20));
                await peer.Send(RawFrame.Settings(), RawFrame.SettingsAck());
                await loop.Settle();
                Assert.Equal(TimeSpan.FromMilliseconds(20), peer.Connection.RoundTripTime);
                peer.Connection.Heartbeat.Send();
                RawFrame ping = await peer.Expect(RawFrame.PingType);
                time.Advance(TimeSpan.FromMilliseconds(5));
                await peer.Send(ping with { Flags = RawFrame.Ack });
                await loop.Settle();
                Assert.Equal(TimeSpan.FromMilliseconds(5), peer.Connection.RoundTripTime);
            },
            time);
    }

    private static async Task Pass(EventLoop loop, ManualTime time, int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await loop.Settle();
        }
    }
}

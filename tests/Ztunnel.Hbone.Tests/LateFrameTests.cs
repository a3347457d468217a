using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests;

/// <summary>Frames that were on their way when a stream ended, in numbers (RFC 9113 section 5.1): nobody's fault.</summary>
public sealed class LateFrameTests
{
    private const int Many = 300;

    // Little enough that any charge would show.
    private static readonly HboneOptions Strict = new()
    {
        SpoiledStreamBurst = 10,
        SpoiledStreamRate = 0,
        IdleFrameBurst = 1_000,
        IdleFrameRate = 0,
    };

    [Fact]
    public async Task Ends_of_many_refused_requests_do_not_harm_the_connection()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming =>
                {
                    incoming.Refuse(503);
                    return ValueTask.CompletedTask;
                },
                Strict);
            for (int i = 0; i < Many; i++)
                await peer.Send(RawFrame.Connect((2 * i) + 1));
            for (int i = 0; i < Many; i++)
                await peer.Send(RawFrame.DataOf((2 * i) + 1, [], RawFrame.EndStream), RawFrame.Reset((2 * i) + 1, ErrorCode.Cancel));
            Assert.Empty(await ResetsOtherThan(peer, ErrorCode.NoError));
        });
    }

    [Fact]
    public async Task Bytes_of_many_downloads_given_up_at_once_do_not_harm_the_connection()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, Strict, settings: (SettingId.MaxConcurrentStreams, 1_000));
            List<HboneStream> streams = [];
            for (int i = 0; i < Many; i++)
            {
                ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(new ConnectRequest("a:1"));
                await peer.Send(RawFrame.Headers((2 * i) + 1, RawFrame.OkBlock));
                streams.Add(Assert.IsType<ConnectOutcome.Opened>(await opening).Stream);
            }

            streams.ForEach(stream => stream.Dispose());
            for (int i = 0; i < Many; i++)
                await peer.Send([.. Enumerable.Repeat(RawFrame.DataOf((2 * i) + 1, [1]), 10)]);
            Assert.Empty(await ResetsOtherThan(peer, ErrorCode.Cancel));
            Assert.Equal(0, peer.Connection.UnreadBytes);
        });
    }

    [Fact]
    public async Task Answers_that_come_after_many_opens_were_given_up_do_not_harm_the_connection()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, Strict, settings: (SettingId.MaxConcurrentStreams, 1_000));
            using CancellationTokenSource givenUp = new();
            Task<ConnectOutcome>[] opens =
                [.. Enumerable.Range(0, Many).Select(_ => peer.Connection.OpenAsync(new ConnectRequest("a:1"), givenUp.Token).AsTask())];
            await givenUp.CancelAsync();
            foreach (Task<ConnectOutcome> open in opens)
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => open);
            for (int i = 0; i < Many; i++)
                await peer.Send(RawFrame.Headers((2 * i) + 1, RawFrame.OkBlock));
            Assert.Empty(await ResetsOtherThan(peer, ErrorCode.Cancel));
        });
    }

    [Fact]
    public async Task Bytes_for_a_stream_we_reset_still_count_against_the_connections_window()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions options = new() { ConnectionWindow = 100_000 };
            RawPeer peer = await RawPeer.ClientOf(
                loop,
                incoming =>
                {
                    incoming.Accept().Dispose();
                    return ValueTask.CompletedTask;
                },
                options);
            await peer.Send(RawFrame.Connect(1));
            await peer.ExpectReset(1, ErrorCode.Cancel);
            await peer.Send(RawFrame.DataOf(1, new byte[60_000]));
            RawFrame credit = await peer.Expect(RawFrame.WindowUpdateType);
            Assert.Equal((0, 60_000), (credit.StreamId, credit.Increment));
        });
    }

    /// <summary>The RST_STREAMs that came up to now with another code; fails if the connection is broken.</summary>
    private static async Task<List<RawFrame>> ResetsOtherThan(RawPeer peer, ErrorCode expected)
    {
        List<RawFrame> resets = [];
        await peer.Send(RawFrame.Ping(fill: 77));
        while (await peer.Next() is { } frame)
        {
            if (frame.Type == RawFrame.ResetType && frame.Code != (int)expected)
                resets.Add(frame);
            Assert.NotEqual(RawFrame.GoAwayType, frame.Type);
            if (frame.Type == RawFrame.PingType && frame.Payload[0] == 77)
                return resets;
        }

        throw new InvalidOperationException("The connection ended.");
    }
}

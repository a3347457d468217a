using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>Looks now and then at everything that must not take for ever: the handshake, a header block, silence, stalls.</summary>
internal sealed class ConnectionClock(HboneConnection connection)
{
    private uint _startedAt;
    private LoopTimer? _timer;

    public void Start()
    {
        _startedAt = connection.Now;
        Schedule();
    }

    public void Stop() => _timer?.Dispose();

    private static bool IsPast(uint since, uint now, TimeSpan limit) =>
        limit != Timeout.InfiniteTimeSpan && now - since >= (uint)Math.Min(limit.TotalMilliseconds, uint.MaxValue / 2);

    private void Schedule() =>
        _timer = connection.Loop.Schedule(connection.Options.ClockPeriod, static state => ((ConnectionClock)state!).Tick(), this);

    private void Tick()
    {
        if (!connection.Lifetime.IsReading)
            return;
        uint now = connection.Now;
        CheckHandshake(now);
        CheckSilence(now);
        CheckStalls(now);
        if (connection.Lifetime.IsReading)
            Schedule();
    }

    private void CheckHandshake(uint now)
    {
        TimeSpan limit = connection.Options.HandshakeTimeout;
        if (connection.IsShakingHands && IsPast(_startedAt, now, limit))
            connection.Break(ErrorCode.SettingsTimeout, "no SETTINGS, or no acknowledgement of ours, in time");
        if (connection.Reader.HeaderBlockBegunAt is { } begun && IsPast(begun, now, limit))
            connection.Break(ErrorCode.EnhanceYourCalm, "a header block was not finished in time");
    }

    private void CheckSilence(uint now)
    {
        HboneOptions options = connection.Options;
        if (connection.Heartbeat.IsWaiting)
        {
            if (IsPast(connection.Heartbeat.SentAt, now, options.KeepAliveTimeout))
                connection.Abort(new ChannelFailure(FailureKind.TimedOut, "the peer did not answer a PING in time"));
        }
        else if (IsPast(connection.Lifetime.ReceivedAt, now, options.KeepAliveInterval))
        {
            connection.Heartbeat.Send();
        }
    }

    private void CheckStalls(uint now)
    {
        TimeSpan limit = connection.Options.StallTimeout;
        if (limit == Timeout.InfiniteTimeSpan)
            return;
        if (connection.Writer.IsHeldUp && IsPast(connection.Writer.ProgressAt, now, limit))
        {
            connection.Break(ErrorCode.EnhanceYourCalm, "the peer has taken no DATA for too long");
            return;
        }

        List<HboneStream>? stalled = null;
        foreach (HboneStream stream in connection.Streams.Values)
        {
            if (stream.IsStalled && IsPast(stream.StalledAt, now, limit))
                (stalled ??= []).Add(stream);
        }

        foreach (HboneStream stream in stalled ?? [])
        {
            connection.ResetStream(stream, ErrorCode.EnhanceYourCalm);
            ChannelFailure failure = new(FailureKind.TimedOut, "the peer has given the stream no window for too long");
            HboneConnection.FailStream(stream, failure, processed: true);
        }
    }
}

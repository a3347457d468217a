using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>PINGs of ours: liveness of a silent peer, its round-trip time, and the marker that a drain waits for.</summary>
internal sealed class Heartbeat(HboneConnection connection)
{
    private ulong _last;
    private long _sentAt;
    private ChannelWait? _acknowledged;

    /// <summary>A PING is under way.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>When the PING under way was sent, in milliseconds of the connection's wrapping clock.</summary>
    public uint SentAt { get; private set; }

    /// <summary>The last round-trip time measured, or null before the first.</summary>
    public TimeSpan? RoundTripTime { get; private set; }

    /// <summary>
    /// Sends a PING and waits for its acknowledgement, no longer for that of an earlier one: what was acknowledged then was
    /// sent before this.
    /// </summary>
    public void Send()
    {
        IsWaiting = true;
        SentAt = connection.Now;
        _sentAt = connection.Timestamp;
        connection.Writer.SendPing(++_last);
    }

    /// <summary>Waits until the PING under way is acknowledged.</summary>
    public ValueTask WaitAsync() =>
        IsWaiting ? (_acknowledged ??= new ChannelWait(connection.Loop)).WaitAsync() : ValueTask.CompletedTask;

    /// <summary>An acknowledgement came; false if it is not one of ours.</summary>
    public bool OnAcknowledged(ulong opaque, long timestamp)
    {
        if (!IsWaiting || opaque != _last)
            return false;
        IsWaiting = false;
        NoteRoundTrip(_sentAt, timestamp);
        _acknowledged?.Complete();
        return true;
    }

    /// <summary>Something else took one round trip: SETTINGS and their acknowledgement.</summary>
    public void NoteRoundTrip(long sent, long received) => RoundTripTime = connection.Loop.TimeProvider.GetElapsedTime(sent, received);

    /// <summary>Stops waiting: the connection is gone, or has waited long enough.</summary>
    public void GiveUp() => _acknowledged?.Complete();
}

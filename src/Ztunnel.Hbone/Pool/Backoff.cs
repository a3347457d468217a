using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>How long a key leaves a peer alone that could not be reached: longer with each failure, up to a bound, less a random part.</summary>
internal sealed class Backoff(TimeProvider time, TimeSpan first, TimeSpan most)
{
    private int _failures;
    private long _failedAt;
    private TimeSpan _pause;

    /// <summary>Why the last attempt failed; null after a success.</summary>
    public ChannelFailure? LastFailure { get; private set; }

    /// <summary>How long there is to wait; zero when the next attempt may be made.</summary>
    public TimeSpan Left
    {
        get
        {
            if (LastFailure is null)
                return TimeSpan.Zero;
            TimeSpan left = _pause - time.GetElapsedTime(_failedAt);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Long over: nothing worth remembering.</summary>
    public bool IsStale => LastFailure is null || time.GetElapsedTime(_failedAt) > 10 * most;

    /// <summary>An attempt failed.</summary>
    public void Fail(ChannelFailure failure)
    {
        LastFailure = failure;
        _failedAt = time.GetTimestamp();
        TimeSpan pause = first * Math.Pow(2, Math.Min(_failures, 20));
        _failures++;
        _pause = (pause < most ? pause : most) * (1 - (Random.Shared.NextDouble() / 2));
    }

    /// <summary>The peer was reached.</summary>
    public void Succeed()
    {
        _failures = 0;
        LastFailure = null;
    }
}

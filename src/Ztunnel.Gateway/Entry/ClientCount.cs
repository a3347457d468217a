using Microsoft.Extensions.Logging;

namespace Ztunnel.Gateway;

/// <summary>
/// How many clients' connections are open, from the moment each is accepted: also those that have not shaken hands or said a word
/// yet. Each tunnel to a waypoint counts as one. Safe from any thread.
/// </summary>
internal sealed partial class ClientCount(int most, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(10);

    private int _open;
    private long _refused;
    private long _told = long.MinValue;

    /// <summary>Takes a place; false when there is none.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _open) <= most || most == 0)
            return true;
        Interlocked.Decrement(ref _open);
        Interlocked.Increment(ref _refused);
        Tell();
        return false;
    }

    /// <summary>Gives a place back.</summary>
    public void Leave() => Interlocked.Decrement(ref _open);

    /// <summary>Says so, now and then.</summary>
    private void Tell()
    {
        long now = time.GetTimestamp();
        long told = Volatile.Read(ref _told);
        if (told != long.MinValue && time.GetElapsedTime(told, now) < Quiet)
            return;
        if (Interlocked.CompareExchange(ref _told, now, told) == told)
            LogFull(most, Interlocked.Read(ref _refused));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Most} clients' connections are open, the most there may be (--max-connections): {Refused} were refused so far")]
    private partial void LogFull(int most, long refused);
}

namespace Ztunnel.IO;

/// <summary>
/// Counts the bytes that several channels, on any loops, hold because a receiver does not take them, against a limit. Safe
/// from any thread.
/// </summary>
/// <param name="limit">Bytes above which <paramref name="exceeded"/> is called; 0 for no limit.</param>
/// <param name="exceeded">Called, on whatever thread, each time the limit is passed; not again before <see cref="Rearm"/>.</param>
public sealed class BufferAccount(long limit, Action exceeded)
{
    private long _held;
    private int _told;

    /// <summary>Bytes held now.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Whether more is held than the limit allows.</summary>
    public bool IsOver => limit > 0 && Held > limit;

    /// <summary>What was told of was dealt with; the next bytes above the limit are told of again.</summary>
    public void Rearm() => Volatile.Write(ref _told, 0);

    /// <summary>Counts bytes now held, or with a negative number no longer held.</summary>
    public void Add(long bytes)
    {
        long held = Interlocked.Add(ref _held, bytes);
        if (limit > 0 && bytes > 0 && held > limit && Interlocked.Exchange(ref _told, 1) == 0)
            exceeded();
    }
}

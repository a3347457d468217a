namespace Ztunnel.Gateway;

/// <summary>How many requests are under way, and how long they still may be when the gateway stops. Safe from any thread.</summary>
internal sealed class RequestsUnderWay
{
    private long _end = long.MaxValue;
    private int _open;
    private int _brokenOff;

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _open);

    /// <summary>How many the end of the drain time has broken off, or is about to.</summary>
    public int BrokenOff => TimeIsOver ? Volatile.Read(ref _brokenOff) + Count : 0;

    /// <summary>Whether the gateway is stopping, and clients are to come back elsewhere.</summary>
    public bool Stopping => Volatile.Read(ref _end) != long.MaxValue;

    /// <summary>Whether what is still under way is broken off by us. By the clock of timers, which end it.</summary>
    public bool TimeIsOver => Environment.TickCount64 >= Volatile.Read(ref _end);

    /// <summary>Gives what is under way <paramref name="patience"/>; later calls can only make it shorter.</summary>
    public void Stop(TimeSpan patience) => Volatile.Write(ref _end, Math.Min(Volatile.Read(ref _end), Environment.TickCount64 + (long)patience.TotalMilliseconds));

    /// <summary>A request has come.</summary>
    public void Enter() => Interlocked.Increment(ref _open);

    /// <summary>A request has ended; <paramref name="aborted"/> when its connection did before.</summary>
    public void Leave(bool aborted)
    {
        if (aborted && TimeIsOver)
            Interlocked.Increment(ref _brokenOff);
        Interlocked.Decrement(ref _open);
    }
}

namespace Ztunnel.Hbone.Flow;

/// <summary>
/// What the peer may still send on one stream. Credit goes back in batches of half the window, as the consumer takes bytes.
/// A window that was used up quickly by a consumer that left nothing unread doubles, so a stalled stream never holds more
/// than what it has shown it can move.
/// </summary>
internal struct ReceiveWindow(int size)
{
    /// <summary>
    /// A half window consumed within this many milliseconds earns a doubling: slow enough that a stream held back by a
    /// 500 ms round trip still grows, fast enough that a trickle never does.
    /// </summary>
    private const uint GrowthMilliseconds = 500;

    private int _returned;
    private uint _lastUpdate;

    /// <summary>Bytes the peer may still send.</summary>
    public int Available { get; private set; } = size;

    /// <summary>Bytes that may be unread or in flight at once.</summary>
    public int Size { get; private set; } = size;

    /// <summary>Counts a frame received; false if the peer sent more than it was allowed.</summary>
    public bool TryTake(int count)
    {
        if (count > Available)
            return false;
        Available -= count;
        return true;
    }

    /// <summary>The initial window changed: our SETTINGS were acknowledged.</summary>
    public void Resize(int change)
    {
        Available += change;
        Size += change;
    }

    /// <summary>Counts bytes consumed. Returns the increment to announce to the peer now, or 0.</summary>
    /// <param name="count">Bytes consumed.</param>
    /// <param name="mayGrow">True if the consumer left nothing unread and the connection has memory to give.</param>
    /// <param name="maxSize">What the window may grow to.</param>
    /// <param name="now">Milliseconds of a clock that may wrap.</param>
    public int Return(int count, bool mayGrow, int maxSize, uint now)
    {
        _returned += count;
        if (_returned < (Size + 1) / 2)
            return 0;
        int growth = 0;
        if (mayGrow && now - _lastUpdate <= GrowthMilliseconds)
            growth = Math.Max(Math.Min(Size, maxSize - Size), 0);
        int increment = _returned + growth;
        _returned = 0;
        _lastUpdate = now;
        Size += growth;
        Available += increment;
        return increment;
    }
}

namespace Ztunnel.Hbone.Flow;

/// <summary>
/// What the peer may still send over all streams of a connection. Credit goes back on receipt, so that a tunnel nobody
/// reads never holds up its siblings; only when more than a bound lies unread does it go back on consumption.
/// </summary>
internal sealed class ConnectionWindow(int size, long maxBuffered)
{
    /// <summary>Every connection's window starts at this, whatever its SETTINGS say (RFC 9113 section 6.9.2).</summary>
    public const int Initial = 65_535;

    private int _available = Initial;
    private int _returned;
    private int _withheld;

    /// <summary>Bytes received and lying unread in streams.</summary>
    public long Buffered { get; private set; }

    /// <summary>So much lies unread that the peer gets no credit back for what it sends.</summary>
    public bool IsWithholding => _withheld > 0;

    /// <summary>The increment that lifts a fresh connection to the full window.</summary>
    public int Open()
    {
        int increment = Math.Max(size - _available, 0);
        _available += increment;
        return increment;
    }

    /// <summary>Counts a DATA frame received; false if the peer sent more than it was allowed.</summary>
    public bool TryTake(int count)
    {
        if (count > _available)
            return false;
        _available -= count;
        if (Buffered > maxBuffered)
            _withheld += count;
        else
            _returned += count;
        return true;
    }

    /// <summary>Counts bytes that now lie unread, or with a negative number no longer do. True if that was the end of withholding.</summary>
    public bool AddBuffered(int count)
    {
        Buffered += count;
        if (_withheld == 0 || Buffered > maxBuffered)
            return false;
        _returned += _withheld;
        _withheld = 0;
        return true;
    }

    /// <summary>The increment to announce now, or 0: half a window at a time.</summary>
    public int Announce()
    {
        if (_returned < size / 2)
            return 0;
        int increment = _returned;
        _returned = 0;
        _available += increment;
        return increment;
    }
}

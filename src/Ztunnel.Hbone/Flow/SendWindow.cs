namespace Ztunnel.Hbone.Flow;

/// <summary>Bytes we may still send on a stream or a connection (RFC 9113 section 6.9). Below zero after the peer lowered its initial window.</summary>
internal struct SendWindow(int initial)
{
    /// <summary>Bytes that may be sent; nothing at zero or below.</summary>
    public int Available { get; private set; } = initial;

    /// <summary>Counts bytes sent.</summary>
    public void Take(int count) => Available -= count;

    /// <summary>Applies a WINDOW_UPDATE or a change of the initial window; false if that exceeds the 2^31-1 a window may hold.</summary>
    public bool TryAdd(int count)
    {
        long sum = (long)Available + count;
        if (sum > int.MaxValue)
            return false;
        Available = (int)Math.Max(sum, int.MinValue);
        return true;
    }
}

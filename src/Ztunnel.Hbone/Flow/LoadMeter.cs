namespace Ztunnel.Hbone.Flow;

/// <summary>How many bytes a connection moved lately: in the current quarter of a second and the one before.</summary>
internal sealed class LoadMeter
{
    private const int PeriodBits = 8;

    private uint _period;
    private long _current;
    private long _previous;

    /// <summary>Counts bytes; <paramref name="now"/> is in milliseconds of a clock that may wrap.</summary>
    public void Add(int bytes, uint now)
    {
        Advance(now);
        _current += bytes;
    }

    /// <summary>Bytes in the last quarter to half second.</summary>
    public long Recent(uint now)
    {
        Advance(now);
        return _current + _previous;
    }

    private void Advance(uint now)
    {
        uint passed = (now >> PeriodBits) - _period;
        if (passed == 0)
            return;
        _previous = passed == 1 ? _current : 0;
        _current = 0;
        _period += passed;
    }
}

namespace Ztunnel.Control;

/// <summary>How many places each of many holds, so that none has more than its part. Who holds none is not remembered.</summary>
internal sealed class SharedPlaces(int each)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _held = new(StringComparer.Ordinal);

    /// <summary>Takes a place, to be given back by <see cref="Leave"/>; false where <paramref name="who"/> holds as many as it may.</summary>
    public bool TryTake(string who)
    {
        lock (_gate)
        {
            int held = _held.GetValueOrDefault(who);
            if (held >= each)
                return false;
            _held[who] = held + 1;
            return true;
        }
    }

    /// <summary>How many places <paramref name="who"/> holds.</summary>
    public int Of(string who)
    {
        lock (_gate)
            return _held.GetValueOrDefault(who);
    }

    /// <summary>Gives a place back.</summary>
    public void Leave(string who)
    {
        lock (_gate)
        {
            if (--_held[who] == 0)
                _held.Remove(who);
        }
    }
}

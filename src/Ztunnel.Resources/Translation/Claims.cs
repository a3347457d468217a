namespace Ztunnel.Resources;

/// <summary>
/// Who holds what only one object may have, such as a uid. Of several that claim it the first by key holds it, so that it does
/// not matter in which order they came.
/// </summary>
internal sealed class Claims<TValue>(IEqualityComparer<TValue>? comparer = null)
    where TValue : notnull
{
    private readonly Dictionary<TValue, ObjectKey> _holders = new(comparer);
    private readonly Dictionary<TValue, SortedSet<ObjectKey>> _others = new(comparer);

    /// <summary>The object that holds <paramref name="value"/>, if any does.</summary>
    public ObjectKey? HolderOf(TValue value) => _holders.GetValueOrDefault(value);

    /// <summary>The objects that claim <paramref name="value"/> in vain.</summary>
    public IReadOnlyCollection<ObjectKey> LosersOf(TValue value) => _others.TryGetValue(value, out SortedSet<ObjectKey>? others) ? [.. others] : [];

    /// <summary>Adds a claim.</summary>
    public void Add(TValue value, ObjectKey key)
    {
        if (_holders.TryAdd(value, key) || _holders[value] == key)
            return;
        if (!_others.TryGetValue(value, out SortedSet<ObjectKey>? others))
            _others.Add(value, others = new SortedSet<ObjectKey>(ObjectKey.Order));
        ObjectKey holder = _holders[value];
        bool wins = ObjectKey.Order.Compare(key, holder) < 0;
        others.Add(wins ? holder : key);
        if (wins)
            _holders[value] = key;
    }

    /// <summary>Takes a claim back.</summary>
    public void Remove(TValue value, ObjectKey key)
    {
        SortedSet<ObjectKey>? others = _others.GetValueOrDefault(value);
        if (_holders.GetValueOrDefault(value) != key)
        {
            others?.Remove(key);
        }
        else if (others?.Min is { } next)
        {
            others.Remove(next);
            _holders[value] = next;
        }
        else
        {
            _holders.Remove(value);
        }

        if (others is { Count: 0 })
            _others.Remove(value);
    }
}

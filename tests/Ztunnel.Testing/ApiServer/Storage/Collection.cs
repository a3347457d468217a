using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>
/// All objects of one kind, what happened to them lately, and who watches. Everything but <see cref="Objects"/> is touched
/// under the lock of the <see cref="Store"/> only.
/// </summary>
internal sealed class Collection(ResourceKind kind, int historyLength)
{
    private readonly List<ChangeEvent> _history = [];
    private readonly List<Watcher> _watchers = [];
    private readonly Dictionary<(int Field, string Value), List<Watcher>> _pinned = [];
    private ImmutableSortedSet<StoredObject> _objects = ImmutableSortedSet.Create<StoredObject>(StoredObject.ByKey.Order);
    private long _forgotten;

    /// <summary>The kind of the objects.</summary>
    public ResourceKind Kind => kind;

    /// <summary>The objects as they are now, ordered by key.</summary>
    public ImmutableSortedSet<StoredObject> Objects => Volatile.Read(ref _objects);

    /// <summary>How many watches are open.</summary>
    public int Watchers { get; private set; }

    /// <summary>An object by key.</summary>
    public StoredObject? Find(string key) => Objects.TryGetValue(StoredObject.Probe(key), out StoredObject found) ? found : null;

    /// <summary>The objects of one namespace, or all of them, in the order of their keys, after a key.</summary>
    public static IEnumerable<StoredObject> In(ImmutableSortedSet<StoredObject> objects, string? ns, string? after = null)
    {
        string start = after ?? (ns is null ? "" : ns + "/");
        int at = objects.IndexOf(StoredObject.Probe(start));
        for (int i = at < 0 ? ~at : after is null ? at : at + 1; i < objects.Count; i++)
        {
            if (ns is not null && objects[i].Namespace != ns)
                yield break;
            yield return objects[i];
        }
    }

    /// <summary>Takes a new or changed object, or the last state of one that is gone, and tells the watches.</summary>
    public void Take(StoredObject? previous, StoredObject current, bool deleted)
    {
        ImmutableSortedSet<StoredObject> objects = _objects;
        if (previous is not null)
            objects = objects.Remove(previous);
        if (!deleted)
            objects = objects.Add(current);
        Volatile.Write(ref _objects, objects);
        ChangeEvent change = new(previous, current, deleted, objects);
        _history.Add(change);
        // By halves, so that a full history does not move at each change.
        if (_history.Count > 2 * historyLength)
            Forget(_history.Count - historyLength);
        foreach (Watcher watcher in _watchers)
            watcher.Tell(change);
        for (int field = 0; field < current.Fields.Length && _pinned.Count > 0; field++)
            TellPinned(field, change);
    }

    /// <summary>Forgets what happened up to now: whoever asks for changes since an earlier version is told that it expired.</summary>
    public void Compact(long version)
    {
        _history.Clear();
        _forgotten = version;
    }

    /// <summary>The objects as they were at a version, or null when that is no longer known.</summary>
    public ImmutableSortedSet<StoredObject>? At(long version)
    {
        if (version < _forgotten)
            return null;
        int next = FirstAfter(version);
        if (next == _history.Count)
            return _objects;
        if (next > 0)
            return _history[next - 1].After;
        ChangeEvent first = _history[0];
        return first.Previous is { } previous
            ? first.After.Remove(first.Current).Add(previous)
            : first.After.Remove(first.Current);
    }

    /// <summary>The changes after a version in their order, or null when not all of them are known any more.</summary>
    public IReadOnlyList<ChangeEvent>? Since(long version)
    {
        if (version < _forgotten)
            return null;
        int next = FirstAfter(version);
        return _history.GetRange(next, _history.Count - next);
    }

    /// <summary>The oldest version that changes can be asked from.</summary>
    public long Forgotten => _forgotten;

    /// <summary>Tells a watcher of all changes from now on.</summary>
    public void Add(Watcher watcher)
    {
        Watchers++;
        ListOf(watcher).Add(watcher);
    }

    /// <summary>Tells a watcher of nothing more.</summary>
    public void Remove(Watcher watcher)
    {
        if (ListOf(watcher).Remove(watcher))
            Watchers--;
        if (watcher.Pinned is { } pin && _pinned[pin].Count == 0)
            _pinned.Remove(pin);
    }

    /// <summary>All watchers.</summary>
    public IEnumerable<Watcher> AllWatchers() => _watchers.Concat(_pinned.Values.SelectMany(list => list));

    private void TellPinned(int field, ChangeEvent change)
    {
        string now = change.Current.Fields[field];
        if (_pinned.TryGetValue((field, now), out List<Watcher>? watchers))
        {
            foreach (Watcher watcher in watchers)
                watcher.Tell(change);
        }

        if (change.Previous is { } previous && previous.Fields[field] != now && _pinned.TryGetValue((field, previous.Fields[field]), out watchers))
        {
            foreach (Watcher watcher in watchers)
                watcher.Tell(change);
        }
    }

    private List<Watcher> ListOf(Watcher watcher)
    {
        if (watcher.Pinned is not { } pin)
            return _watchers;
        if (!_pinned.TryGetValue(pin, out List<Watcher>? list))
            _pinned[pin] = list = [];
        return list;
    }

    private void Forget(int count)
    {
        _forgotten = _history[count - 1].Version;
        _history.RemoveRange(0, count);
    }

    private int FirstAfter(long version)
    {
        int low = 0, high = _history.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_history[middle].Version <= version)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}

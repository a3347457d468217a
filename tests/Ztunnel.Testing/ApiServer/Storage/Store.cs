using System.Collections.Concurrent;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// All objects of the server under one growing resource version. Writes and the beginnings of watches happen under
/// <see cref="Gate"/>; reads take the objects of a collection as they stand.
/// </summary>
internal sealed class Store(int historyLength)
{
    private readonly ConcurrentDictionary<ResourceKind, Collection> _collections = new();
    private readonly Dictionary<string, HashSet<(ResourceKind Kind, string Key)>> _dependents = [];
    private readonly Dictionary<string, (ResourceKind Kind, string Key)> _uids = [];
    private long _version = 1;
    private Action<StoredObject, bool>? _definitions;

    /// <summary>Held while anything changes.</summary>
    public Lock Gate { get; } = new();

    /// <summary>The version of the last change.</summary>
    public long Version => Volatile.Read(ref _version);

    /// <summary>All collections that were ever asked for.</summary>
    public IEnumerable<Collection> Collections => _collections.Values;

    /// <summary>The objects of a kind.</summary>
    public Collection Of(ResourceKind kind) =>
        _collections.GetOrAdd(kind.Kept, static (kept, length) => new Collection(kept, length), historyLength);

    /// <summary>An object, or null.</summary>
    public StoredObject? Find(ResourceKind kind, string ns, string name) => Of(kind).Find(StoredObject.KeyOf(ns, name));

    /// <summary>Tells of every CustomResourceDefinition that comes, changes or (true) goes, under the gate.</summary>
    public void OnDefinition(Action<StoredObject, bool> tell) => _definitions = tell;

    /// <summary>Keeps an object in place of the one before, if there was one. Under the gate.</summary>
    public StoredObject Put(ResourceKind kind, StoredObject? previous, JsonObject value)
    {
        StoredObject current = StoredObject.Of(kind.Kept, value, Next());
        Forget(previous);
        _uids[current.Uid] = (current.Kind, current.Key);
        foreach (string owner in current.Owners)
        {
            if (!_dependents.TryGetValue(owner, out HashSet<(ResourceKind, string)>? dependents))
                _dependents[owner] = dependents = [];
            dependents.Add((current.Kind, current.Key));
        }

        Of(kind).Take(previous, current, deleted: false);
        if (current.Kind == CoreKinds.CustomResourceDefinitions)
            _definitions?.Invoke(current, false);
        return current;
    }

    /// <summary>Takes an object out. Under the gate. Returns its last state, at the version of the deletion.</summary>
    public StoredObject Remove(StoredObject existing)
    {
        StoredObject last = StoredObject.Of(existing.Kind, existing.ToJson(), Next());
        Forget(existing);
        Of(existing.Kind).Take(existing, last, deleted: true);
        if (last.Kind == CoreKinds.CustomResourceDefinitions)
            _definitions?.Invoke(last, true);
        return last;
    }

    /// <summary>The object with this uid, or null. Under the gate.</summary>
    public StoredObject? FindByUid(string uid) => _uids.TryGetValue(uid, out var at) ? Of(at.Kind).Find(at.Key) : null;

    /// <summary>The objects that name this uid as an owner. Under the gate.</summary>
    public List<StoredObject> DependentsOf(string uid)
    {
        List<StoredObject> found = [];
        if (_dependents.TryGetValue(uid, out HashSet<(ResourceKind Kind, string Key)>? dependents))
        {
            foreach ((ResourceKind kind, string key) in dependents)
            {
                if (Of(kind).Find(key) is { } dependent)
                    found.Add(dependent);
            }
        }

        return found;
    }

    /// <summary>Forgets the history of all collections, so that whoever asks for changes since before is told 410.</summary>
    public void Compact()
    {
        lock (Gate)
        {
            foreach (Collection collection in Collections)
                collection.Compact(_version);
        }
    }

    private long Next()
    {
        Volatile.Write(ref _version, _version + 1);
        return _version;
    }

    private void Forget(StoredObject? value)
    {
        if (value is null)
            return;
        _uids.Remove(value.Uid);
        foreach (string owner in value.Owners)
        {
            if (_dependents.TryGetValue(owner, out HashSet<(ResourceKind, string)>? dependents)
                && dependents.Remove((value.Kind, value.Key))
                && dependents.Count == 0)
                _dependents.Remove(owner);
        }
    }
}

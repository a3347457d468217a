using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>What a watch is told of an object.</summary>
internal enum WatchEventType
{
    Added,
    Modified,
    Deleted,
}

/// <summary>
/// One change of one object, as it stands in the history of a collection. What it looks like on the wire is made once for all
/// watchers that want it in the same form.
/// </summary>
internal sealed class ChangeEvent(StoredObject? previous, StoredObject current, bool deleted, ImmutableSortedSet<StoredObject> after)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(WatchEventType Type, Presentation Form, bool First), byte[]> _encoded = [];
    private StoredObject? _left;

    /// <summary>The resource version of the change.</summary>
    public long Version => current.Version;

    /// <summary>The object before, or null when it was created.</summary>
    public StoredObject? Previous => previous;

    /// <summary>The object after; of a deletion the last state, at the version of the deletion.</summary>
    public StoredObject Current => current;

    /// <summary>All objects of the collection after the change.</summary>
    public ImmutableSortedSet<StoredObject> After => after;

    /// <summary>What a watch with this selection is told of the change, or null when it does not concern it.</summary>
    public WatchEventType? For(Selection selection)
    {
        bool was = previous is not null && selection.Matches(previous);
        bool stays = !deleted && selection.Matches(current);
        return (was, stays) switch
        {
            (false, true) => WatchEventType.Added,
            (true, true) => WatchEventType.Modified,
            (true, false) => WatchEventType.Deleted,
            _ => null,
        };
    }

    /// <summary>The line of a watch; <paramref name="first"/> when nothing was sent on it before (tables tell their columns once).</summary>
    public byte[] Encode(WatchEventType type, Presentation form, bool first)
    {
        lock (_gate)
        {
            var key = (type, form, first && form.IsTable);
            if (!_encoded.TryGetValue(key, out byte[]? line))
                _encoded[key] = line = form.Event(type, Shown(type), first);
            return line;
        }
    }

    // An object that a selector no longer matches is told as it was, at the version at which it left.
    private StoredObject Shown(WatchEventType type)
    {
        if (type != WatchEventType.Deleted || deleted)
            return current;
        return _left ??= StoredObject.Of(current.Kind, previous!.ToJson(), current.Version);
    }
}

using System.Collections.Immutable;

namespace Ztunnel.Resources;

/// <summary>
/// What objects there are, where they come from and what is wrong with them, for diagnostics. Written by the
/// <see cref="Translator"/>; <see cref="Snapshot"/> may be taken on any thread.
/// </summary>
public sealed class ResourceInventory
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, SourceReport> _sources = new(StringComparer.Ordinal);
    private readonly Dictionary<ObjectKey, Origin> _objects = [];
    private readonly Dictionary<ObjectKey, ImmutableArray<ResourceProblem>> _problems = [];
    private readonly Dictionary<ObjectKey, GatewayApiStatus> _statuses = [];
    private readonly Action<ResourceProblem>? _found;
    private bool _synced;

    /// <summary>An inventory of nothing.</summary>
    public ResourceInventory()
    {
    }

    /// <summary>An inventory that tells <paramref name="found"/> each problem about a field that shows only in translation, once while it lasts.</summary>
    internal ResourceInventory(Action<ResourceProblem> found) => _found = found;

    /// <summary>Everything as it is now.</summary>
    public InventorySnapshot Snapshot()
    {
        lock (_lock)
        {
            var kept = _sources.Values.SelectMany(source => source.Kept.Select(key => (key, source.Name))).ToHashSet();
            return new InventorySnapshot
            {
                Synced = _synced,
                Sources = [.. _sources.Values],
                Objects =
                [
                    .. _objects.OrderBy(entry => entry.Key, ObjectKey.Order)
                        .Select(entry => new ObjectStatus(entry.Key, entry.Value, kept.Contains((entry.Key, entry.Value.Source)))),
                ],
                Problems = [.. Problems()],
                Statuses = [.. _statuses.Values.OrderBy(status => status.Object, ObjectKey.Order)],
                UnknownKinds = _sources.Values.SelectMany(source => source.UnknownKinds)
                    .GroupBy(kind => kind.Key, kind => kind.Value, StringComparer.Ordinal)
                    .ToImmutableSortedDictionary(kind => kind.Key, kind => kind.Sum(), StringComparer.Ordinal),
            };
        }
    }

    internal void Put(ObjectKey key, Origin origin)
    {
        lock (_lock)
            _objects[key] = origin;
    }

    internal void Remove(ObjectKey key)
    {
        lock (_lock)
        {
            _objects.Remove(key);
            _problems.Remove(key);
            _statuses.Remove(key);
        }
    }

    internal void Put(SourceReport source)
    {
        lock (_lock)
        {
            if (source.Exists)
                _sources[source.Name] = source;
            else
                _sources.Remove(source.Name);
        }
    }

    /// <summary>What the status of an object is to say; null where we say nothing of it.</summary>
    public GatewayApiStatus? StatusOf(ObjectKey key)
    {
        lock (_lock)
            return _statuses.GetValueOrDefault(key);
    }

    /// <summary>What the status of some object is to say has been said anew, and may have changed. Raised on the thread that translates.</summary>
    public event EventHandler<StatusChangedEventArgs>? StatusChanged;

    /// <summary>Takes what the status of an object is to say; null when that is nothing.</summary>
    internal void SetStatus(ObjectKey key, GatewayApiStatus? status)
    {
        lock (_lock)
        {
            if (status is null)
                _statuses.Remove(key);
            else
                _statuses[key] = status;
        }

        StatusChanged?.Invoke(this, new StatusChangedEventArgs(key));
    }

    internal void SetSynced()
    {
        lock (_lock)
            _synced = true;
    }

    /// <summary>
    /// Notes a problem that shows only when an object is translated, in place of the one it had at that field; null takes it
    /// back. Without a field it is about the object. A remark leaves the object as it is.
    /// </summary>
    internal void SetProblem(ObjectKey key, string? field, string? message, bool remark = false)
    {
        ResourceProblem? found = null;
        lock (_lock)
        {
            ImmutableArray<ResourceProblem> all = _problems.GetValueOrDefault(key, []);
            ResourceProblem? before = all.FirstOrDefault(problem => string.Equals(problem.Field, field, StringComparison.Ordinal));
            if (string.Equals(before?.Message, message, StringComparison.Ordinal))
                return;
            if (before is not null)
                all = all.Remove(before);
            if (message is not null)
            {
                Origin origin = _objects.GetValueOrDefault(key) ?? new Origin("", 0);
                found = new ResourceProblem { Source = origin.Source, Line = origin.Line, Object = key.ToString(), Field = field, Message = message, IsRemark = remark };
                all = all.Add(found);
            }

            if (all.IsEmpty)
                _problems.Remove(key);
            else
                _problems[key] = all;
        }

        // One without a field is a fault of ours, which is logged with its exception.
        if (found?.Field is not null)
            _found?.Invoke(found);
    }

    private IEnumerable<ResourceProblem> Problems()
    {
        IEnumerable<ResourceProblem> own = _sources.Values.SelectMany(source => source.Problems);
        // The object may have moved in its file since the problem was found.
        IEnumerable<ResourceProblem> mutual = _problems.SelectMany(entry => entry.Value.Select(problem =>
            _objects.TryGetValue(entry.Key, out Origin? origin) ? problem with { Source = origin.Source, Line = origin.Line } : problem));
        return own.Concat(mutual).OrderBy(problem => problem.Source, StringComparer.Ordinal).ThenBy(problem => problem.Line).ThenBy(problem => problem.Column);
    }
}

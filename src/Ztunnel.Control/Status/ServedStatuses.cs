using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// A source that keeps the statuses it is told, and tells all the rest on. So statuses and objects come by one watch, each status
/// before its object. Read on any thread.
/// </summary>
internal sealed class ServedStatuses(IResourceSource source) : IResourceSource
{
    private readonly ConcurrentDictionary<ObjectKey, ServedStatus> _statuses = new();

    /// <summary>An object has come or changed. Raised on the thread that follows the source, before the object is told.</summary>
    public Action<ObjectKey>? Changed { get; set; }

    /// <summary>The objects there are.</summary>
    public ICollection<ObjectKey> Objects => _statuses.Keys;

    /// <summary>An object's status; null where there is no such object, or its kind's statuses are not told.</summary>
    public ServedStatus? Find(ObjectKey key) => _statuses.GetValueOrDefault(key);

    /// <summary>
    /// Takes what a write made of a status, before the server tells of it; unless it has told anything since
    /// <paramref name="before"/> was found here, which may be newer than that.
    /// </summary>
    public void Learn(ObjectKey key, ServedStatus before, ServedStatus written) => _statuses.TryUpdate(key, written, before);

    /// <inheritdoc/>
    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (ResourceEvent told in source.Watch(cancellationToken))
        {
            if (told is ResourceEvent.Status status)
            {
                _statuses[status.Key] = status.Served;
                Changed?.Invoke(status.Key);
                continue;
            }

            if (told is ResourceEvent.Remove gone)
                _statuses.TryRemove(gone.Key, out _);
            yield return told;
        }
    }
}

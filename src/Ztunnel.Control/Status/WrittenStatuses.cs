using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// What was written of each object last, so that nothing is written for ever: what a server drops or changes of a status, as one with
/// older definitions does, is not written again, and what somebody undoes is written again after growing waits. Safe from any thread,
/// but not for one object from several.
/// </summary>
internal sealed class WrittenStatuses(TimeProvider time)
{
    private readonly ConcurrentDictionary<ObjectKey, Entry> _entries = new();

    /// <summary>How long to wait with a write: zero for not at all, infinite where it would bring nothing.</summary>
    /// <param name="wanted">What the status is to say.</param>
    /// <param name="changed">What would be written for that.</param>
    /// <param name="served">The status there is.</param>
    public TimeSpan Wait(GatewayApiStatus wanted, JsonObject changed, ServedStatus served)
    {
        if (!_entries.TryGetValue(wanted.Object, out Entry? last) || last.Wanted != wanted)
            return TimeSpan.Zero;
        if (last.Left is { } left && served.Read() is var there
            && changed.All(field => left.ContainsKey(field.Key)) && left.All(field => JsonNode.DeepEquals(field.Value, there?[field.Key])))
        {
            return Timeout.InfiniteTimeSpan;
        }

        return last.Drift?.Wait ?? TimeSpan.Zero;
    }

    /// <summary>Notes a write.</summary>
    /// <param name="wanted">What the status is to say.</param>
    /// <param name="left">What the server made of the fields that were written; null where that is what was wanted.</param>
    public void Note(GatewayApiStatus wanted, JsonObject? left)
    {
        DriftBackoff? drift = null;
        if (_entries.TryGetValue(wanted.Object, out Entry? last) && last.Wanted == wanted)
        {
            drift = last.Drift ?? new DriftBackoff(time);
            drift.Note(undone: true);
        }

        _entries[wanted.Object] = new Entry(wanted, left, drift);
    }

    /// <summary>Forgets an object.</summary>
    public void Forget(ObjectKey key) => _entries.TryRemove(key, out _);

    /// <summary>Forgets all.</summary>
    public void Clear() => _entries.Clear();

    /// <summary>A write, and how it fares with those that undo it; null while nobody has.</summary>
    private sealed record Entry(GatewayApiStatus Wanted, JsonObject? Left, DriftBackoff? Drift);
}

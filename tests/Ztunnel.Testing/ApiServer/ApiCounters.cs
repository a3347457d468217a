using System.Collections.Concurrent;

namespace Ztunnel.Testing;

/// <summary>What an API server was asked and what it sent, by verb and resource. Safe from any thread.</summary>
public sealed class ApiCounters
{
    private readonly ConcurrentDictionary<(string Verb, string Resource), Cell> _cells = new();

    /// <summary>How many requests came; those of every verb or resource when null.</summary>
    public long Requests(string? verb = null, string? resource = null) => Sum(verb, resource, static cell => cell.Requests);

    /// <summary>How many bytes of objects were sent, those of open watches included; framing by HTTP is not counted.</summary>
    public long Bytes(string? verb = null, string? resource = null) => Sum(verb, resource, static cell => cell.Bytes);

    /// <summary>How many watches are open.</summary>
    public long Watches(string? resource = null) => Sum("watch", resource, static cell => cell.Open);

    internal Cell Begin(string verb, string resource)
    {
        Cell cell = _cells.GetOrAdd((verb, resource), static _ => new Cell());
        cell.Begin();
        return cell;
    }

    private long Sum(string? verb, string? resource, Func<Cell, long> of) => _cells
        .Where(entry => (verb is null || entry.Key.Verb == verb) && (resource is null || entry.Key.Resource == resource))
        .Sum(entry => of(entry.Value));

    /// <summary>The counts of one verb and resource.</summary>
    internal sealed class Cell
    {
        private long _requests, _bytes, _open;

        public long Requests => Volatile.Read(ref _requests);

        public long Bytes => Volatile.Read(ref _bytes);

        public long Open => Volatile.Read(ref _open);

        public void Begin()
        {
            Interlocked.Increment(ref _requests);
            Interlocked.Increment(ref _open);
        }

        public void Sent(int bytes) => Interlocked.Add(ref _bytes, bytes);

        public void End() => Interlocked.Decrement(ref _open);
    }
}

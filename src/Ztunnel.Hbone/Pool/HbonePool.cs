using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>
/// One loop's connections to its HBONE peers, by key: who connects, whom it expects, where to. Tunnels share connections;
/// there are more than one per key only where one is full or busy with bulk. Keys do not wait for each other, and as
/// everything is on one loop nothing takes a lock. Loop thread only.
/// </summary>
/// <typeparam name="TKey">What makes two tunnels able to share a connection.</typeparam>
public sealed class HbonePool<TKey>
    where TKey : notnull, IEquatable<TKey>
{
    private static readonly ChannelFailure Drained = new(FailureKind.Closed, "the pool is being drained");

    private readonly Func<TKey, CancellationToken, ValueTask<Channel>> _connect;
    private readonly Dictionary<TKey, PoolEntry<TKey>> _entries = [];
    private readonly HashSet<PooledConnection> _leaving = [];
    private LoopTimer? _sweep;
    private bool _draining;

    /// <summary>Makes a pool on a loop.</summary>
    /// <param name="loop">The loop its connections live on.</param>
    /// <param name="connect">
    /// Makes the transport for a key: connected, handshake done, peer verified, on <paramref name="loop"/>. Throws
    /// <see cref="ChannelException"/> when that fails; its token is cancelled when it takes too long or is not wanted any more.
    /// </param>
    /// <param name="options">Limits and times.</param>
    /// <param name="logger">Where connections log.</param>
    public HbonePool(
        EventLoop loop, Func<TKey, CancellationToken, ValueTask<Channel>> connect, HbonePoolOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(connect);
        Loop = loop;
        _connect = connect;
        Options = options ?? HbonePoolOptions.Default;
        Logger = logger ?? NullLogger.Instance;
    }

    /// <summary>The loop the pool lives on.</summary>
    public EventLoop Loop { get; }

    /// <summary>Limits and times.</summary>
    public HbonePoolOptions Options { get; }

    /// <summary>The connections there are now, also those that take no further tunnels. A copy, which ending them does not touch.</summary>
    public IReadOnlyList<HboneConnection> Connections =>
        [.. _entries.Values.SelectMany(entry => entry.Connections).Concat(_leaving).Select(pooled => pooled.Connection)];

    internal ILogger Logger { get; }

    /// <summary>
    /// Opens a tunnel on a connection of this key, making one if needed. A request the peer certainly did not act on, or
    /// that was lost with a connection that had gone stale, is tried once more on another connection: no byte of the tunnel
    /// has been sent by then. While the key backs off, fails at once with the failure that caused it.
    /// </summary>
    public async ValueTask<ConnectOutcome> OpenAsync(TKey key, ConnectRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        PooledConnection? tried = null;
        while (true)
        {
            if (_draining)
                return new ConnectOutcome.Failed(Drained);
            PoolLease lease = await Entry(key).AcquireAsync(tried, cancellationToken);
            if (lease.Connection is not { } pooled)
                return new ConnectOutcome.Failed(lease.Failure!);
            bool mayBeStale = pooled.Connection.IsEstablished;
            ConnectOutcome outcome = await pooled.Connection.OpenAsync(request, cancellationToken);
            if (tried is not null || !MayRetry(outcome, pooled.Connection, mayBeStale))
                return outcome;
            tried = pooled;
        }
    }

    /// <summary>
    /// Stops using the connections of all keys that match: a workload was removed or is another one now. Tunnels on them go
    /// on until they end; opens that wait for such a connection fail.
    /// </summary>
    public void Evict(Predicate<TKey> predicate)
    {
        ArgumentNullException.ThrowIfNull(predicate);
        ChannelFailure evicted = new(FailureKind.Closed, "the destination was removed from the pool");
        foreach (PoolEntry<TKey> entry in _entries.Values.Where(entry => predicate(entry.Key)).ToArray())
        {
            _entries.Remove(entry.Key);
            entry.Close(evicted);
        }
    }

    /// <summary>What the pool holds now, for diagnostics.</summary>
    public IReadOnlyList<HbonePeer<TKey>> Snapshot()
    {
        Dictionary<TKey, HbonePeer<TKey>> peers = [];
        foreach (PoolEntry<TKey> entry in _entries.Values)
            peers[entry.Key] = entry.Snapshot();
        foreach (IGrouping<TKey, PooledConnection> leaving in _leaving.GroupBy(pooled => ((PoolEntry<TKey>)pooled.Owner).Key))
        {
            HbonePeer<TKey> peer = peers.GetValueOrDefault(leaving.Key)
                ?? new HbonePeer<TKey>(leaving.Key, [], Waiting: 0, IsConnecting: false, LastFailure: null, RetryIn: TimeSpan.Zero);
            peers[leaving.Key] = peer with { Connections = [.. peer.Connections, .. leaving.Select(pooled => pooled.Snapshot())] };
        }

        return [.. peers.Values];
    }

    /// <summary>
    /// Takes no further opens and ends every connection as <see cref="HboneConnection.DrainAsync"/> does. Completes when all
    /// are closed.
    /// </summary>
    public Task DrainAsync(TimeSpan deadline)
    {
        _draining = true;
        _sweep?.Dispose();
        Evict(static _ => true);
        return Task.WhenAll(_leaving.Select(pooled => pooled.Connection.DrainAsync(deadline)).ToArray());
    }

    internal ValueTask<Channel> Connect(TKey key, CancellationToken cancellationToken) => _connect(key, cancellationToken);

    /// <summary>A connection that takes no further tunnels is kept in view until it has closed.</summary>
    internal void NoteLeaving(PooledConnection pooled)
    {
        if (!pooled.Connection.IsClosed)
            _leaving.Add(pooled);
    }

    internal void NoteGone(PooledConnection pooled) => _leaving.Remove(pooled);

    private void EnsureSweep()
    {
        if (_sweep is { IsPending: true })
            return;
        TimeSpan period = Options.IdleTimeout / 8;
        _sweep = Loop.Schedule(
            period < TimeSpan.FromSeconds(30) ? period : TimeSpan.FromSeconds(30), static state => ((HbonePool<TKey>)state!).Sweep(), this);
    }

    private static bool MayRetry(ConnectOutcome outcome, HboneConnection connection, bool mayBeStale) => outcome switch
    {
        ConnectOutcome.NotProcessed => true,
        ConnectOutcome.Failed => mayBeStale && connection.IsDraining && connection.Failure is { Kind: not FailureKind.Protocol },
        _ => false,
    };

    private PoolEntry<TKey> Entry(TKey key)
    {
        if (!_entries.TryGetValue(key, out PoolEntry<TKey>? entry))
            _entries[key] = entry = new PoolEntry<TKey>(this, key);
        EnsureSweep();
        return entry;
    }

    private void Sweep()
    {
        foreach (PoolEntry<TKey> entry in _entries.Values.ToArray())
        {
            entry.CloseUnused();
            if (entry.IsForgettable)
                _entries.Remove(entry.Key);
        }

        if (_entries.Count > 0)
            EnsureSweep();
    }
}

using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>A pool's connections for one key, the one being made, and those who wait for it.</summary>
internal sealed class PoolEntry<TKey> : IPoolOwner, ILoopFlush
    where TKey : notnull, IEquatable<TKey>
{
    private static readonly ChannelFailure NotHttp2 = new(FailureKind.Truncated, "the peer closed the connection before it spoke HTTP/2");

    private readonly HbonePool<TKey> _pool;
    private readonly List<PooledConnection> _connections = [];
    private readonly Queue<PoolWaiter> _waiters = new();
    private readonly Backoff _backoff;
    private CancellationTokenSource? _connecting;
    private LoopTimer? _retry;
    private ChannelFailure? _closed;
    private bool _serveRequested;

    public PoolEntry(HbonePool<TKey> pool, TKey key)
    {
        _pool = pool;
        Key = key;
        _backoff = new Backoff(pool.Loop.TimeProvider, pool.Options.FirstBackoff, pool.Options.MaxBackoff);
    }

    public TKey Key { get; }

    /// <summary>Those that take tunnels.</summary>
    public IReadOnlyList<PooledConnection> Connections => _connections;

    /// <summary>Nothing here is worth keeping.</summary>
    public bool IsForgettable => _connections.Count == 0 && _connecting is null && _waiters.Count == 0 && _backoff.IsStale;

    /// <summary>Finds a connection with room, making one if there is none.</summary>
    /// <param name="except">A connection that will not do.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<PoolLease> AcquireAsync(PooledConnection? except, CancellationToken cancellationToken)
    {
        if (Pick(except) is { } pooled)
        {
            // This open does not wait for a handshake because of somebody's bulk, but the next will find another connection.
            if (_connections.Count < _pool.Options.ConnectionsForBulk && pooled.Connection.IsBusy(_pool.Options.BulkBytes))
                StartConnect();
            return new ValueTask<PoolLease>(new PoolLease(pooled, null));
        }

        if (_connections.Count == 0 && _connecting is null && _backoff.Left > TimeSpan.Zero)
            return new ValueTask<PoolLease>(new PoolLease(null, _backoff.LastFailure));
        PoolWaiter waiter = new(_pool.Loop, except);
        _waiters.Enqueue(waiter);
        StartConnect();
        return waiter.WaitAsync(_pool.Options.ConnectTimeout, cancellationToken);
    }

    /// <summary>Retires connections nobody has used for long.</summary>
    public void CloseUnused()
    {
        foreach (PooledConnection pooled in _connections.ToArray())
        {
            if (pooled.Unused >= _pool.Options.IdleTimeout)
                pooled.Connection.Retire();
        }
    }

    /// <summary>Uses nothing of this any more: who waits fails, who has a tunnel keeps it.</summary>
    public void Close(ChannelFailure reason)
    {
        _closed = reason;
        _connecting?.Cancel();
        _retry?.Dispose();
        FailWaiters(reason);
        foreach (PooledConnection pooled in _connections.ToArray())
            pooled.Connection.Retire();
    }

    public HbonePeer<TKey> Snapshot() => new(
        Key, [.. _connections.Select(pooled => pooled.Snapshot())], _waiters.Count(waiter => !waiter.IsOver), _connecting is not null, _backoff.LastFailure, _backoff.Left);

    /// <inheritdoc/>
    public void CapacityChanged(PooledConnection pooled)
    {
        if (pooled.Connection.IsEstablished)
            _backoff.Succeed();
        if (pooled.Connection.IsDraining && _connections.Remove(pooled))
        {
            if (!pooled.Connection.IsEstablished)
                _backoff.Fail(pooled.Connection.Failure ?? NotHttp2);
            _pool.NoteLeaving(pooled);
        }

        RequestServe();
    }

    /// <inheritdoc/>
    public void Closed(PooledConnection pooled)
    {
        CapacityChanged(pooled);
        _pool.NoteGone(pooled);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        _serveRequested = false;
        Serve();
    }

    private PooledConnection? Pick(PooledConnection? except)
    {
        PooledConnection? best = null;
        bool bestBusy = false;
        foreach (PooledConnection pooled in _connections)
        {
            if (!pooled.Connection.CanOpen || ReferenceEquals(pooled, except))
                continue;
            bool busy = pooled.Connection.IsBusy(_pool.Options.BulkBytes);
            bool better = best is null || (busy == bestBusy ? pooled.Connection.OpenStreams < best.Connection.OpenStreams : bestBusy);
            if (!better)
                continue;
            best = pooled;
            bestBusy = busy;
        }

        return best;
    }

    // Later: what called may be in the middle of reading a connection.
    private void RequestServe()
    {
        if (_serveRequested || _waiters.Count == 0)
            return;
        _serveRequested = true;
        _pool.Loop.FlushLater(this);
    }

    private void Serve()
    {
        while (_waiters.TryPeek(out PoolWaiter? waiter))
        {
            PooledConnection? pooled = waiter.IsOver ? null : Pick(waiter.Except);
            if (pooled is null && !waiter.IsOver)
                break;
            _waiters.Dequeue();
            waiter.End(new PoolLease(pooled, null));
        }

        if (_waiters.Count > 0)
            StartConnect();
    }

    private void StartConnect()
    {
        if (_connecting is not null || _closed is not null || _connections.Count >= _pool.Options.MaxConnectionsPerKey)
            return;
        TimeSpan pause = _backoff.Left;
        if (pause > TimeSpan.Zero)
            RetryAfter(pause);
        else
            _ = ConnectAsync();
    }

    private void RetryAfter(TimeSpan pause)
    {
        if (_connections.Count == 0)
            FailWaiters(_backoff.LastFailure!);
        if (_waiters.Count > 0 && _retry is not { IsPending: true })
            _retry = _pool.Loop.Schedule(pause, static state => ((PoolEntry<TKey>)state!).Serve(), this);
    }

    private async Task ConnectAsync()
    {
        using CancellationTokenSource cancel = new();
        _connecting = cancel;
        using LoopTimer timer = _pool.Loop.Schedule(
            _pool.Options.ConnectTimeout, static state => ((CancellationTokenSource)state!).Cancel(), cancel);
        ChannelFailure? failure = null;
        try
        {
            Channel channel = await _pool.Connect(Key, cancel.Token);
            Adopt(channel);
        }
        catch (ChannelException exception)
        {
            failure = exception.Failure;
        }
        catch (OperationCanceledException)
        {
            failure = _closed ?? new ChannelFailure(FailureKind.TimedOut, "the connection to the peer was not made in time");
        }
        catch (Exception exception)
        {
            HboneLog.ConnectCrashed(_pool.Logger, exception);
            failure = new ChannelFailure(FailureKind.Local, exception.Message);
        }

        _connecting = null;
        if (failure is not null)
            _backoff.Fail(failure);
        Serve();
    }

    private void Adopt(Channel channel)
    {
        if (_closed is not null)
        {
            channel.Dispose();
            return;
        }

        HboneConnection connection = HboneConnection.Connect(channel, _pool.Options.Connection, _pool.Logger);
        _connections.Add(new PooledConnection(connection, this));
    }

    private void FailWaiters(ChannelFailure failure)
    {
        while (_waiters.TryDequeue(out PoolWaiter? waiter))
            waiter.End(new PoolLease(null, failure));
    }
}

using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// How much is under way to one port of a service, over all loops of the gateway, and whether there may be more. Counters only: who
/// has to wait for a connection stands in a queue that nobody holds a lock on.
/// </summary>
internal sealed class PoolLimits
{
    private readonly ConcurrentQueue<TaskCompletionSource> _waiting = new();
    private int _requests;
    private int _connections;
    private int _pending;
    private int _retries;
    private long _overflowed;
    private long _retriesOverflowed;

    /// <summary>Requests under way, those that wait among them.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>What holds one of the connections there may be: requests over HTTP/1.1, and connections that are no HTTP.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Requests that wait for a connection.</summary>
    public int Pending => Volatile.Read(ref _pending);

    /// <summary>Tries under way that are not the first.</summary>
    public int Retries => Volatile.Read(ref _retries);

    /// <summary>How many requests and connections were refused, as there were too many.</summary>
    public long Overflowed => Volatile.Read(ref _overflowed);

    /// <summary>How many were not tried again, as too many others were.</summary>
    public long RetriesOverflowed => Volatile.Read(ref _retriesOverflowed);

    /// <summary>A request begins, once it is given a connection where there may be only so many. False: there are too many.</summary>
    /// <param name="pool">The limits.</param>
    /// <param name="needsConnection">Whether it needs a connection of its own, as over HTTP/1.1.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask<bool> Enter(ConnectionPool? pool, bool needsConnection, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _requests) > (pool?.MaxRequests ?? int.MaxValue))
        {
            Interlocked.Decrement(ref _requests);
            return ValueTask.FromResult(Overflow());
        }

        if (!needsConnection || TakeConnection(pool?.MaxConnections))
            return ValueTask.FromResult(true);
        return WaitForConnection(pool!, cancellationToken);
    }

    /// <summary>A request that entered has ended.</summary>
    /// <param name="pool">The limits as they are now.</param>
    /// <param name="hadConnection">What it needed when it entered.</param>
    public void Leave(ConnectionPool? pool, bool hadConnection)
    {
        Interlocked.Decrement(ref _requests);
        if (hadConnection)
            LeaveConnection(pool);
    }

    /// <summary>A connection that is no HTTP begins. False: there are too many.</summary>
    public bool EnterConnection(ConnectionPool? pool) => TakeConnection(pool?.MaxConnections) || Overflow();

    /// <summary>A connection that is no HTTP has ended.</summary>
    public void LeaveConnection(ConnectionPool? pool)
    {
        Interlocked.Decrement(ref _connections);
        Admit(pool?.MaxConnections);
    }

    /// <summary>A request has to wait until a connection is made for it. False: too many do.</summary>
    public bool BeginConnect(ConnectionPool? pool)
    {
        if (Interlocked.Increment(ref _pending) <= (pool?.MaxPendingRequests ?? int.MaxValue))
            return true;
        Interlocked.Decrement(ref _pending);
        return Overflow();
    }

    /// <summary>What waited for a connection waits no longer.</summary>
    public void EndConnect() => Interlocked.Decrement(ref _pending);

    /// <summary>A request is tried again. False: too many are.</summary>
    public bool EnterRetry(ConnectionPool? pool)
    {
        if (Interlocked.Increment(ref _retries) <= (pool?.MaxRetries ?? int.MaxValue))
            return true;
        Interlocked.Decrement(ref _retries);
        Interlocked.Increment(ref _retriesOverflowed);
        return false;
    }

    /// <summary>A request that was tried again has ended.</summary>
    public void LeaveRetry() => Interlocked.Decrement(ref _retries);

    private async ValueTask<bool> WaitForConnection(ConnectionPool pool, CancellationToken cancellationToken)
    {
        if (!BeginConnect(pool))
        {
            Interlocked.Decrement(ref _requests);
            return false;
        }

        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            using CancellationTokenRegistration end = cancellationToken.UnsafeRegister(
                static (waiter, token) => ((TaskCompletionSource)waiter!).TrySetCanceled(token), turn);
            _waiting.Enqueue(turn);
            // One may have become free before this stood in the queue.
            Admit(pool.MaxConnections);
            await turn.Task;
            return true;
        }
        catch (OperationCanceledException)
        {
            Interlocked.Decrement(ref _requests);
            throw;
        }
        finally
        {
            EndConnect();
        }
    }

    private bool TakeConnection(int? limit)
    {
        if (limit is not { } most)
        {
            Interlocked.Increment(ref _connections);
            return true;
        }

        int taken = Volatile.Read(ref _connections);
        while (taken < most)
        {
            int before = Interlocked.CompareExchange(ref _connections, taken + 1, taken);
            if (before == taken)
                return true;
            taken = before;
        }

        return false;
    }

    /// <summary>Gives free connections to those who wait.</summary>
    private void Admit(int? limit)
    {
        while (!_waiting.IsEmpty && TakeConnection(limit))
        {
            bool given = false;
            while (!given && _waiting.TryDequeue(out TaskCompletionSource? next))
                given = next.TrySetResult();
            if (!given)
                Interlocked.Decrement(ref _connections);
        }
    }

    private bool Overflow()
    {
        Interlocked.Increment(ref _overflowed);
        return false;
    }
}

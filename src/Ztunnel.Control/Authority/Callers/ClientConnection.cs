using Microsoft.AspNetCore.Connections;

namespace Ztunnel.Control;

/// <summary>
/// A connection to the authority's port. Until a call on it has had a good token it counts as its address's, and has so long for that call
/// and no longer; from then on it counts as the caller's.
/// </summary>
internal sealed class ClientConnection : IDisposable
{
    private readonly Lock _gate = new();
    private readonly SharedPlaces _unproven;
    private readonly SharedPlaces _proven;
    private readonly string _client;
    private readonly ITimer _deadline;
    private string? _caller;
    private bool _ended;

    /// <summary>A connection with a place among the unproven ones of <paramref name="client"/>, which this gives back.</summary>
    public ClientConnection(ConnectionContext connection, string client, SharedPlaces unproven, SharedPlaces proven, TimeSpan firstCall, TimeProvider time)
    {
        (_client, _unproven, _proven) = (client, unproven, proven);
        var late = new ConnectionAbortedException($"no call with a good token in {firstCall.TotalSeconds} s");
        _deadline = time.CreateTimer(_ => End(connection, late), null, firstCall, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether it counts as a caller's.</summary>
    public bool IsProven
    {
        get
        {
            lock (_gate)
                return _caller is not null;
        }
    }

    /// <summary>A call has had the good token of a caller, where the connection counts from now on if that has any left.</summary>
    public void Prove(string caller)
    {
        lock (_gate)
        {
            if (_ended || _caller is not null || !_proven.TryTake(caller))
                return;
            _caller = caller;
            _unproven.Leave(_client);
        }

        _deadline.Dispose();
    }

    /// <summary>It is over.</summary>
    public void Dispose()
    {
        _deadline.Dispose();
        lock (_gate)
        {
            _ended = true;
            if (_caller is null)
                _unproven.Leave(_client);
            else
                _proven.Leave(_caller);
        }
    }

    private void End(ConnectionContext connection, ConnectionAbortedException late)
    {
        if (!IsProven)
            connection.Abort(late);
    }
}

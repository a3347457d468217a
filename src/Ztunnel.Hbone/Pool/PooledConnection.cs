namespace Ztunnel.Hbone.Pool;

/// <summary>Whoever a pooled connection belongs to.</summary>
internal interface IPoolOwner
{
    /// <summary>There may be room for another tunnel, or none any more.</summary>
    void CapacityChanged(PooledConnection pooled);

    /// <summary>The connection is closed.</summary>
    void Closed(PooledConnection pooled);
}

/// <summary>A connection in the pool, and since when nobody uses it.</summary>
internal sealed class PooledConnection : IConnectionObserver
{
    private long _unusedSince;

    public PooledConnection(HboneConnection connection, IPoolOwner owner)
    {
        Connection = connection;
        Owner = owner;
        _unusedSince = connection.Timestamp;
        connection.Observer = this;
    }

    public HboneConnection Connection { get; }

    public IPoolOwner Owner { get; }

    /// <summary>How long it has been without a tunnel; zero while it has one.</summary>
    public TimeSpan Unused =>
        Connection.OpenStreams > 0 ? TimeSpan.Zero : Connection.Loop.TimeProvider.GetElapsedTime(_unusedSince, Connection.Timestamp);

    public HbonePeerConnection Snapshot() =>
        new(Connection.OpenStreams, Connection.StreamLimit, Connection.IsDraining, Connection.RoundTripTime, Unused);

    void IConnectionObserver.CapacityChanged(HboneConnection connection)
    {
        if (connection.OpenStreams == 0)
            _unusedSince = connection.Timestamp;
        Owner.CapacityChanged(this);
    }

    void IConnectionObserver.Closed(HboneConnection connection) => Owner.Closed(this);
}

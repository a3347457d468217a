namespace Ztunnel.Hbone;

/// <summary>Whoever keeps a connection and wants to know what becomes of it. Called on the loop, in the middle of things: do not write from here.</summary>
internal interface IConnectionObserver
{
    /// <summary>Streams ended, limits changed, or the connection began to drain.</summary>
    void CapacityChanged(HboneConnection connection);

    /// <summary>The transport was let go of.</summary>
    void Closed(HboneConnection connection);
}

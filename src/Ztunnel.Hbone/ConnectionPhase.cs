namespace Ztunnel.Hbone;

/// <summary>Where a connection is in its life.</summary>
internal enum ConnectionPhase
{
    /// <summary>New streams are welcome.</summary>
    Open,

    /// <summary>Somebody said GOAWAY: the streams there are go on, and the last one ends the connection.</summary>
    Draining,

    /// <summary>All streams are gone; what is queued is being sent, what arrives is dropped.</summary>
    Closing,

    /// <summary>Nothing is left.</summary>
    Closed,
}

namespace Ztunnel.Proxy;

/// <summary>What one pod may take of its node. 0 is no limit. Connections it opens and those opened to it are counted apart, so that neither can use up the other's.</summary>
public sealed record WorkloadLimits
{
    /// <summary>Open connections, each way. As many as a process with a usual limit of descriptors (2^20) can have, halved.</summary>
    public int Connections { get; init; } = 250_000;

    /// <summary>New connections a second, each way; as many at once after a pause of a second.</summary>
    public int ConnectionsPerSecond { get; init; } = 50_000;

    /// <summary>
    /// Peers in their TLS handshake with the pod at once, on each worker. They have shown no identity yet, so that anybody who
    /// reaches the pod can be one; when there are more, those that have taken longest go.
    /// </summary>
    public int HandshakesPerWorker { get; init; } = 512;

    /// <summary>Bytes held for receivers that do not take them, over all its connections.</summary>
    public long HeldBytes { get; init; } = 1L << 30;
}

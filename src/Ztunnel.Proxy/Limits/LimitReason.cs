namespace Ztunnel.Proxy;

/// <summary>Why a pod's connection was refused or ended for the sake of the others: the names the log gives.</summary>
public enum LimitReason
{
    /// <summary>The pod has <see cref="WorkloadLimits.Connections"/> open.</summary>
    TooManyConnections,

    /// <summary>More than <see cref="WorkloadLimits.ConnectionsPerSecond"/> came.</summary>
    ConnectionRateExceeded,

    /// <summary>More than <see cref="WorkloadLimits.HandshakesPerWorker"/> peers are in their handshake.</summary>
    TooManyHandshakes,

    /// <summary>More than <see cref="WorkloadLimits.HeldBytes"/> are held for the pod.</summary>
    MemoryLimit,
}

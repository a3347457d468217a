namespace Ztunnel.Diagnostics;

/// <summary>What this node does for one of its own workloads, in <see cref="ConfigDump.WorkloadState"/>.</summary>
public sealed record WorkloadStateDump
{
    /// <summary>The enrolment's state, <c>Up</c> when the pod is captured.</summary>
    public required string State { get; init; }

    /// <summary>Open connections.</summary>
    public required ConnectionsDump Connections { get; init; }

    /// <summary>Whose state this is.</summary>
    public required WorkloadInfoDump Info { get; init; }

    /// <summary>Ours: why the pod is not captured; null when it is.</summary>
    public string? Reason { get; init; }

    /// <summary>Ours: the network namespace the pod was captured in.</summary>
    public string? NetworkNamespace { get; init; }
}

/// <summary>The open connections of one workload.</summary>
/// <param name="Inbound">Those it received.</param>
/// <param name="Outbound">Those it opened.</param>
public sealed record ConnectionsDump(IReadOnlyList<ConnectionDump> Inbound, IReadOnlyList<ConnectionDump> Outbound);

/// <summary>One open connection.</summary>
/// <param name="Src">The client's address.</param>
/// <param name="OriginalDst">The address or authority asked for.</param>
/// <param name="ActualDst">Where it was sent: the next hop, or the application's address.</param>
/// <param name="Protocol"><c>HBONE</c> or <c>TCP</c>.</param>
public sealed record ConnectionDump(string Src, string? OriginalDst, string ActualDst, string Protocol);

/// <summary>Whose <see cref="WorkloadStateDump"/> it is.</summary>
/// <param name="Name">The pod's name.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="TrustDomain">The trust domain of its identity.</param>
/// <param name="ServiceAccount">Its service account.</param>
public sealed record WorkloadInfoDump(string Name, string Namespace, string TrustDomain, string ServiceAccount);

namespace Ztunnel.Diagnostics;

/// <summary>What this node does for one of its own workloads, in <see cref="ConfigDump.WorkloadState"/>.</summary>
public sealed record WorkloadStateDump
{
    /// <summary><c>Pending</c>, <c>Up</c> when the pod is captured, <c>Failed</c>, or <c>Draining</c> while it leaves.</summary>
    public required string State { get; init; }

    /// <summary>Open connections.</summary>
    public required ConnectionsDump Connections { get; init; }

    /// <summary>Whose state this is; absent once the pod is forgotten and only its last connections are left.</summary>
    public WorkloadInfoDump? Info { get; init; }

    /// <summary>Ours: how its capture stands; absent as <see cref="Info"/> is.</summary>
    public CaptureDump? Capture { get; init; }
}

/// <summary>How the capture of one pod stands.</summary>
/// <param name="Since">When its state became what it is.</param>
/// <param name="Reason">Why the pod is not captured; null when it is.</param>
/// <param name="NetworkNamespace">The path of its network namespace, where one is named.</param>
/// <param name="FailedAttempts">How many attempts failed since the last success.</param>
/// <param name="Repairs">How often its rules had been changed by others and were put back.</param>
/// <param name="LastRepair">What was found changed the last time.</param>
/// <param name="RanUncaptured">When it ran without being captured although it was to be; absent when it did not.</param>
/// <param name="Probes">Whether this node's probes get through to it; absent when nothing is done for them.</param>
public sealed record CaptureDump(
    DateTimeOffset Since, string? Reason, string? NetworkNamespace, int FailedAttempts, int Repairs, string? LastRepair, ProbesDump? Probes = null, UncapturedDump? RanUncaptured = null);

/// <summary>The time in which a pod of the mesh was not captured: its node or it started while no agent was there, and without the CNI plugin.</summary>
/// <param name="Since">When its first process started.</param>
/// <param name="Until">When it was captured.</param>
public sealed record UncapturedDump(DateTimeOffset Since, DateTimeOffset Until);

/// <summary>Whether the node's own connections get through to a pod.</summary>
/// <param name="Works">Whether they do; absent while it is being tried.</param>
/// <param name="Detail">What was seen, or why not.</param>
/// <param name="At">When it was tried.</param>
public sealed record ProbesDump(bool? Works, string Detail, DateTimeOffset At);

/// <summary>The open connections of one workload.</summary>
/// <param name="Inbound">Those it received.</param>
/// <param name="Outbound">Those it opened.</param>
public sealed record ConnectionsDump(IReadOnlyList<ConnectionDump> Inbound, IReadOnlyList<ConnectionDump> Outbound);

/// <summary>One open connection.</summary>
/// <param name="Src">The client's address.</param>
/// <param name="OriginalDst">The address the client asked for: a service's virtual IP, or an application's own.</param>
/// <param name="ActualDst">Where its bytes go: the next hop, or the application's address.</param>
/// <param name="Protocol"><c>HBONE</c> or <c>TCP</c>.</param>
/// <param name="Authority">Ours: what the tunnel asks for, which is the endpoint that was chosen or, of a waypoint, what the client asked for; null without one.</param>
/// <param name="BytesSent">Ours: payload bytes this node's workload has sent so far.</param>
/// <param name="BytesReceived">Ours: payload bytes it has received so far.</param>
/// <param name="AgeMilliseconds">Ours: how long it has been open.</param>
public sealed record ConnectionDump(
    string Src, string OriginalDst, string ActualDst, string Protocol, string? Authority, long BytesSent, long BytesReceived, long AgeMilliseconds);

/// <summary>Whose <see cref="WorkloadStateDump"/> it is.</summary>
/// <param name="Name">The pod's name.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="TrustDomain">The trust domain of its identity.</param>
/// <param name="ServiceAccount">Its service account.</param>
public sealed record WorkloadInfoDump(string Name, string Namespace, string TrustDomain, string ServiceAccount);

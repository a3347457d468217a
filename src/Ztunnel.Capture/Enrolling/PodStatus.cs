using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>What the agent knows about capturing one pod, for diagnostics.</summary>
/// <param name="Workload">The pod.</param>
/// <param name="State">How far it is.</param>
/// <param name="Since">When it got into that state.</param>
/// <param name="Attempts">How many attempts have failed since the last success; 0 when none has.</param>
/// <param name="NetworkNamespace">The path of its network namespace; null when none is named.</param>
/// <param name="Repairs">How often someone had changed its rules or routing and they were put back.</param>
/// <param name="LastRepair">What was found changed the last time.</param>
/// <param name="Uncaptured">When it ran without being captured although it was to be; null when it did not, as far as this agent knows.</param>
/// <param name="Probes">Whether the node's probes get through to it; null when that is nobody's concern.</param>
public sealed record PodStatus(
    Workload Workload, EnrolmentState State, DateTimeOffset Since, int Attempts, string? NetworkNamespace, int Repairs, string? LastRepair, ProbeStatus? Probes = null, UncapturedSpan? Uncaptured = null);

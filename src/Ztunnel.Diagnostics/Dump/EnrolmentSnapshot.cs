using Ztunnel.Mesh;

namespace Ztunnel.Diagnostics;

/// <summary>What capture has made of one pod of this node.</summary>
/// <param name="Workload">The pod.</param>
/// <param name="State">The state in one word, <c>Up</c> when its traffic is captured.</param>
/// <param name="Reason">Why it is not captured; null when it is.</param>
/// <param name="NetworkNamespace">The network namespace, where known.</param>
public sealed record EnrolmentSnapshot(Workload Workload, string State, string? Reason, string? NetworkNamespace);

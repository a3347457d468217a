using Ztunnel.Control;
using Ztunnel.Diagnostics;
using Ztunnel.Kubernetes;

namespace Ztunnel;

/// <summary>What a replica of the controller is told at start.</summary>
public sealed record ControllerAgentOptions
{
    /// <summary>What it makes, and how objects become the mesh.</summary>
    public required ControllerOptions Controller { get; init; }

    /// <summary>How it signs certificates; null where another authority does.</summary>
    public ClusterAuthorityOptions? Authority { get; init; }

    /// <summary>The Lease that replicas contend for.</summary>
    public required LeaderElectionOptions Election { get; init; }

    /// <summary>Where its diagnostics listen; null for nowhere.</summary>
    public DiagnosticsOptions? Diagnostics { get; init; }
}

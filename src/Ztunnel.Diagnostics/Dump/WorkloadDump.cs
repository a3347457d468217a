namespace Ztunnel.Diagnostics;

/// <summary>One workload in <see cref="ConfigDump.Workloads"/>.</summary>
public sealed record WorkloadDump
{
    /// <summary>The pod's UID.</summary>
    public required string Uid { get; init; }

    /// <summary>Its addresses.</summary>
    public required IReadOnlyList<string> WorkloadIps { get; init; }

    /// <summary>How it is reached: <c>HBONE</c> or <c>TCP</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The pod's service account.</summary>
    public required string ServiceAccount { get; init; }

    /// <summary>The trust domain of its identity.</summary>
    public required string TrustDomain { get; init; }

    /// <summary>What the pod is an instance of.</summary>
    public required string WorkloadName { get; init; }

    /// <summary>The kind of that.</summary>
    public string WorkloadType { get; init; } = "pod";

    /// <summary>Istio's canonical service.</summary>
    public required string CanonicalName { get; init; }

    /// <summary>Istio's canonical revision.</summary>
    public required string CanonicalRevision { get; init; }

    /// <summary>The cluster; always the one.</summary>
    public string ClusterId { get; init; } = "Kubernetes";

    /// <summary>The node it runs on.</summary>
    public required string Node { get; init; }

    /// <summary><c>Healthy</c> when the pod is ready, else <c>Unhealthy</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The pod's DNS name, when it has one; empty otherwise.</summary>
    public string Hostname { get; init; } = "";

    /// <summary>The waypoint through which what is addressed to the pod goes; null without one.</summary>
    public WaypointDump? Waypoint { get; init; }

    /// <summary>Ours: how the pod stands with the waypoint it asks for; null when it asks for none.</summary>
    public WaypointBoundDump? WaypointBound { get; init; }

    /// <summary>Ours: whether the pod is in the mesh, or why not.</summary>
    public required string Enrolment { get; init; }
}

namespace Ztunnel.Mesh;

/// <summary>Which endpoints a service's clients get first (Kubernetes <c>spec.trafficDistribution</c>). When none of those will do, others are used.</summary>
public enum TrafficDistribution
{
    /// <summary>All alike.</summary>
    Any,

    /// <summary>Those of the client's zone, then of its region. <c>PreferClose</c> is an older name of it.</summary>
    PreferSameZone,

    /// <summary>Those on the client's node, then as <see cref="PreferSameZone"/>.</summary>
    PreferSameNode,
}

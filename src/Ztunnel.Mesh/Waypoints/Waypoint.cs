namespace Ztunnel.Mesh;

/// <summary>What a <see cref="Gateway"/> is as a waypoint.</summary>
public sealed record Waypoint
{
    /// <summary>What it takes (<c>istio.io/waypoint-for</c>).</summary>
    public WaypointTraffic Traffic { get; init; } = WaypointTraffic.Service;

    /// <summary>Whose services and workloads may name it.</summary>
    public AllowedNamespaces Allowed { get; init; } = AllowedNamespaces.Same;

    /// <summary>Where its instances are found.</summary>
    public required GatewayTarget Target { get; init; }

    /// <summary>
    /// The service account in its namespace whose workloads it is for without any label on them
    /// (<c>istio.io/for-service-account</c>); null for the ordinary waypoint, which is named by labels.
    /// </summary>
    public string? ServiceAccount { get; init; }
}

/// <summary>What a waypoint takes: traffic addressed to services (their virtual IPs), to workloads (their own addresses), both or neither.</summary>
[Flags]
public enum WaypointTraffic
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>What is addressed to a service.</summary>
    Service = 1,

    /// <summary>What is addressed to a workload.</summary>
    Workload = 2,

    /// <summary>Both.</summary>
    All = Service | Workload,
}

namespace Ztunnel.Mesh;

/// <summary>A node of the cluster: where it stands, and whether it is well. Immutable.</summary>
public sealed record Node
{
    /// <summary>The name, by which workloads and endpoints refer to it.</summary>
    public required string Name { get; init; }

    /// <summary>The region it is in (<c>topology.kubernetes.io/region</c>), or null.</summary>
    public string? Region { get; init; }

    /// <summary>The zone of the region it is in (<c>topology.kubernetes.io/zone</c>), or null.</summary>
    public string? Zone { get; init; }

    /// <summary>Whether its Ready condition holds. Endpoints on one that is not are passed over while there are others.</summary>
    public bool Ready { get; init; } = true;
}

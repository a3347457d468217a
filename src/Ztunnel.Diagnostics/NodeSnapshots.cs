using Ztunnel.Capture;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>Takes a snapshot of some part of the node. It may throw or hang: that costs its own section of the dump only.</summary>
public delegate ValueTask<IReadOnlyList<T>> Snapshot<T>(CancellationToken cancellationToken);

/// <summary>Where diagnostics reads what the node knows and does. The parts read know nothing of it; a part that is not given is an empty section.</summary>
public sealed record NodeSnapshots
{
    /// <summary>The node's name.</summary>
    public required string Node { get; init; }

    /// <summary>Workloads, services and endpoints.</summary>
    public required MeshState Mesh { get; init; }

    /// <summary>What objects there are and what is wrong with them.</summary>
    public ResourceInventory Resources { get; init; } = new();

    /// <summary>What policies that are only watched found of connections; null for one that has found nothing.</summary>
    public Func<AuthorizationPolicy, PolicyObservationCounts?> PolicyObservations { get; init; } = static _ => null;

    /// <summary>This node's pods and their capture.</summary>
    public Snapshot<PodStatus> Pods { get; init; } = Nothing<PodStatus>;

    /// <summary>The certificates of this node's workloads.</summary>
    public Snapshot<CertificateDump> Certificates { get; init; } = Nothing<CertificateDump>;

    /// <summary>Who signs them; null where it is not told.</summary>
    public Func<AuthorityDump>? Authority { get; init; }

    /// <summary>Open connections.</summary>
    public Snapshot<ConnectionSnapshot> Connections { get; init; } = Nothing<ConnectionSnapshot>;

    /// <summary>Endpoints that could not be connected to of late.</summary>
    public Snapshot<EjectionSnapshot> Ejections { get; init; } = Nothing<EjectionSnapshot>;

    /// <summary>Outbound tunnels.</summary>
    public Snapshot<PoolDump> Pools { get; init; } = Nothing<PoolDump>;

    /// <summary>What a gateway has under way to services.</summary>
    public Snapshot<UpstreamDump> Upstreams { get; init; } = Nothing<UpstreamDump>;

    /// <summary>What became of copies of requests; null where there are none.</summary>
    public Func<MirrorDump?>? Mirrors { get; init; }

    private static ValueTask<IReadOnlyList<T>> Nothing<T>(CancellationToken cancellationToken) => ValueTask.FromResult<IReadOnlyList<T>>([]);
}

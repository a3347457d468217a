namespace Ztunnel.Diagnostics;

/// <summary>
/// The document served at <c>/config_dump</c>. The first six sections have the names and shapes that <c>istioctl
/// ztunnel-config</c> reads; the others are ours. A section that could not be read is absent and named in <see cref="Errors"/>.
/// </summary>
public sealed record ConfigDump
{
    /// <summary>The node's name.</summary>
    public required string Node { get; init; }

    /// <summary>The program's version.</summary>
    public required string Version { get; init; }

    /// <summary>Sections that could not be read, by name, with the reason.</summary>
    public IReadOnlyDictionary<string, string>? Errors { get; init; }

    /// <summary>All workloads known, by namespace and name.</summary>
    public IReadOnlyList<WorkloadDump>? Workloads { get; init; }

    /// <summary>All services known, by namespace and name.</summary>
    public IReadOnlyList<ServiceDump>? Services { get; init; }

    /// <summary>The policies about who may connect to whom and how, enforced here or not, by namespace and name.</summary>
    public IReadOnlyList<PolicyDump>? Policies { get; init; }

    /// <summary>The certificates of this node's workloads, without their keys.</summary>
    public IReadOnlyList<CertificateDump>? Certificates { get; init; }

    /// <summary>Who signs them, and by which roots peers are verified.</summary>
    public AuthorityDump? Authority { get; init; }

    /// <summary>This node's own workloads by <see cref="WorkloadDump.Uid"/>: enrolment and open connections.</summary>
    public IReadOnlyDictionary<string, WorkloadStateDump>? WorkloadState { get; init; }

    /// <summary>The outbound tunnels kept open.</summary>
    public IReadOnlyList<PoolDump>? Pools { get; init; }

    /// <summary>What gateways and waypoints serve, by namespace and name.</summary>
    public IReadOnlyList<GatewayDump>? Gateways { get; init; }

    /// <summary>The routes that have a service as their parent, by service and port.</summary>
    public IReadOnlyList<ServiceRoutesDump>? ServiceRoutes { get; init; }

    /// <summary>What a gateway has under way to services that DestinationRules are about, by service and port.</summary>
    public IReadOnlyList<UpstreamDump>? Upstreams { get; init; }

    /// <summary>What became of copies of requests; absent where this is no gateway.</summary>
    public MirrorDump? Mirrors { get; init; }

    /// <summary>How Gateway API's objects stand, by kind, namespace and name.</summary>
    public IReadOnlyList<StatusDump>? Status { get; init; }

    /// <summary>What is read from the manifests, and what is wrong with it and where.</summary>
    public ResourcesDump? Resources { get; init; }
}

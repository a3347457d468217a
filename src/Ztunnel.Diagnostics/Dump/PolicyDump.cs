namespace Ztunnel.Diagnostics;

/// <summary>One policy in <see cref="ConfigDump.Policies"/>.</summary>
public sealed record PolicyDump
{
    /// <summary>The policy's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary><c>Global</c>, <c>Namespace</c> or <c>WorkloadSelector</c>.</summary>
    public required string Scope { get; init; }

    /// <summary><c>Allow</c>, <c>Deny</c>, <c>Audit</c> or <c>Custom</c>; of a PeerAuthentication its mode, of a RequestAuthentication <c>Authenticate</c>.</summary>
    public required string Action { get; init; }

    /// <summary>Ours: <c>AuthorizationPolicy</c>, <c>PeerAuthentication</c> or <c>RequestAuthentication</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>Ours: the labels of the workloads it is about, where it names some.</summary>
    public IReadOnlyDictionary<string, string>? Selector { get; init; }

    /// <summary>Ours: of a PeerAuthentication the modes of single ports.</summary>
    public IReadOnlyDictionary<string, string>? Ports { get; init; }

    /// <summary>Ours: whether it is only tried out.</summary>
    public bool DryRun { get; init; }

    /// <summary>Ours: false when there are mistakes in it, which <see cref="ConfigDump.Resources"/> names.</summary>
    public required bool Accepted { get; init; }

    /// <summary>Ours: <c>Full</c>, <c>Partial</c> or <c>None</c>: how much of it nodes enforce on connections.</summary>
    public required string OnConnections { get; init; }

    /// <summary>
    /// Ours: where it is enforced: <c>nodes</c>, on connections to its workloads; <c>Gateway namespace/name</c>, on requests; or what
    /// it is attached to and why that has no effect.
    /// </summary>
    public IReadOnlyList<string>? EnforcedAt { get; init; }

    /// <summary>Ours: its attributes that connections do not have, so that they were dropped.</summary>
    public IReadOnlyList<string>? DroppedAttributes { get; init; }

    /// <summary>Ours: what to know about how it is enforced.</summary>
    public IReadOnlyList<string>? Notes { get; init; }

    /// <summary>Ours: how many workloads of the mesh it is about, on all nodes; null for one that names its targets, which is not about workloads.</summary>
    public required int? Workloads { get; init; }

    /// <summary>Ours: of a dry-run or AUDIT policy what it found of this node's connections since it was last changed.</summary>
    public ObservedDump? Observed { get; init; }
}

/// <summary>What a policy that is only watched found, in connections.</summary>
/// <param name="WouldAllow">Those that it would have let in.</param>
/// <param name="WouldDeny">Those that it would have refused.</param>
/// <param name="Audited">Those that an AUDIT policy matched.</param>
public sealed record ObservedDump(long WouldAllow, long WouldDeny, long Audited);

using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>Whether the connections to some workloads must be mutual TLS (Istio's PeerAuthentication).</summary>
public sealed class PeerAuthentication : IPolicy
{
    private PolicyRefusal? _refusal;

    /// <inheritdoc/>
    public required PolicyName Name { get; init; }

    /// <inheritdoc/>
    public required PolicyScope Scope { get; init; }

    /// <summary>What it says for all ports.</summary>
    public MutualTlsMode Mode { get; init; }

    /// <summary>What it says for single ports of the workload, in place of <see cref="Mode"/>.</summary>
    public ImmutableSortedDictionary<ushort, MutualTlsMode> Ports { get; init; } = ImmutableSortedDictionary<ushort, MutualTlsMode>.Empty;

    /// <summary>When it was created: of two for the same workloads the oldest counts. Null, as without a date, is oldest.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <inheritdoc/>
    public Enforcement Enforcement { get; init; }

    /// <inheritdoc/>
    public ImmutableArray<string> Notes { get; init; } = [];

    /// <summary>The refusal of plaintext that it asks for.</summary>
    internal PolicyRefusal Refusal => _refusal ??= new PolicyRefusal(
        DenyReason.PlaintextRefused, Name, $"explicitly denied by: {Name} (PeerAuthentication STRICT, and the connection is plaintext)");

    /// <summary>Of several for the same workloads the one that counts: the oldest, and of those the first by name.</summary>
    internal static PeerAuthentication? Oldest(IEnumerable<PeerAuthentication> policies) => policies
        .OrderBy(policy => policy.Created ?? DateTimeOffset.MinValue)
        .ThenBy(policy => policy.Name, PolicyName.Order)
        .FirstOrDefault();
}

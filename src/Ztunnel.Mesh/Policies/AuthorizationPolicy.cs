using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// Who may connect to some workloads (Istio's AuthorizationPolicy), prepared for judging connections: what only requests
/// have is already left out of its rules, in the way <see cref="Notes"/> says.
/// </summary>
public sealed class AuthorizationPolicy : IPolicy
{
    private PolicyRefusal? _refusal;

    /// <inheritdoc/>
    public required PolicyName Name { get; init; }

    /// <inheritdoc/>
    public required PolicyScope Scope { get; init; }

    /// <summary>What it does with the connections that one of its rules matches.</summary>
    public required PolicyAction Action { get; init; }

    /// <summary>Whether it is only tried out (annotation <c>istio.io/dry-run</c>): its decisions are counted, not carried out.</summary>
    public bool DryRun { get; init; }

    /// <summary>The rules; a policy without any matches nothing.</summary>
    public ImmutableArray<AuthorizationRule> Rules { get; init; } = [];

    /// <summary>Attributes of the policy that connections do not have, by the names it uses.</summary>
    public ImmutableArray<string> DroppedAttributes { get; init; } = [];

    /// <inheritdoc/>
    public Enforcement Enforcement { get; init; }

    /// <inheritdoc/>
    public ImmutableArray<string> Notes { get; init; } = [];

    /// <summary>The refusal of a connection it matches, where it is a DENY policy.</summary>
    internal PolicyRefusal Refusal => _refusal ??= new PolicyRefusal(DenyReason.DeniedByPolicy, Name, $"explicitly denied by: {Name}");

    /// <summary>Whether one of the rules matches. Allocates nothing.</summary>
    public bool Matches(in ConnectionFacts facts)
    {
        foreach (AuthorizationRule rule in Rules)
        {
            if (rule.Matches(facts))
                return true;
        }

        return false;
    }
}

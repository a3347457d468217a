using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// Who may do what with some workloads, services or gateways (Istio's AuthorizationPolicy), prepared for judging connections,
/// with what only requests have already left out in the way <see cref="Notes"/> says, and for judging requests.
/// </summary>
public sealed class AuthorizationPolicy : IPolicy
{
    private PolicyRefusal? _refusal;
    private PolicyRefusal? _unanswered;

    /// <inheritdoc/>
    public required PolicyName Name { get; init; }

    /// <inheritdoc/>
    public required PolicyScope Scope { get; init; }

    /// <summary>What it does with the connections that one of its rules matches.</summary>
    public required PolicyAction Action { get; init; }

    /// <summary>Whether it is only tried out (annotation <c>istio.io/dry-run</c>): its decisions are counted, not carried out.</summary>
    public bool DryRun { get; init; }

    /// <summary>The rules for connections; a policy without any matches nothing.</summary>
    public ImmutableArray<AuthorizationRule<ConnectionFacts>> Rules { get; init; } = [];

    /// <summary>The rules for requests, as gateways see them; a policy without any matches nothing.</summary>
    public ImmutableArray<AuthorizationRule<HttpAuthorizationFacts>> RequestRules { get; init; } = [];

    /// <inheritdoc/>
    public ImmutableArray<PolicyAttachment> Attachments { get; init; } = [];

    /// <inheritdoc/>
    public bool Attached { get; init; }

    /// <summary>Attributes of the policy that connections do not have, by the names it uses.</summary>
    public ImmutableArray<string> DroppedAttributes { get; init; } = [];

    /// <inheritdoc/>
    public Enforcement Enforcement { get; init; }

    /// <inheritdoc/>
    public ImmutableArray<string> Notes { get; init; } = [];

    /// <summary>The refusal of what it matches, where it is a DENY policy.</summary>
    internal PolicyRefusal Refusal => _refusal ??= new PolicyRefusal(DenyReason.DeniedByPolicy, Name, $"explicitly denied by: {Name}");

    /// <summary>The refusal of a request it matches, where it is a CUSTOM policy: there is no external authorizer to ask.</summary>
    internal PolicyRefusal Unanswered => _unanswered ??= new PolicyRefusal(
        DenyReason.ExternalAuthorizerMissing, Name, $"explicitly denied by: {Name} (action CUSTOM, and there is no external authorizer)");

    /// <summary>Whether one of the rules matches a connection. Allocates nothing.</summary>
    public bool Matches(in ConnectionFacts facts)
    {
        foreach (AuthorizationRule<ConnectionFacts> rule in Rules)
        {
            if (rule.Matches(facts))
                return true;
        }

        return false;
    }

    /// <summary>Whether one of the rules matches a request. Allocates nothing.</summary>
    public bool Matches(in HttpAuthorizationFacts facts)
    {
        foreach (AuthorizationRule<HttpAuthorizationFacts> rule in RequestRules)
        {
            if (rule.Matches(facts))
                return true;
        }

        return false;
    }
}

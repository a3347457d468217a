using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>All policies that hold for the requests through one gateway, or of those the ones for one service. Immutable.</summary>
public sealed class HttpPolicies
{
    private readonly AuthorizationPolicy[] _custom;
    private readonly AuthorizationPolicy[] _deny;
    private readonly AuthorizationPolicy[] _allow;
    private readonly AuthorizationPolicy[] _observed;

    internal HttpPolicies(IEnumerable<AuthorizationPolicy> authorization, IEnumerable<RequestAuthentication> authentication)
    {
        Authorization = [.. authorization.Distinct().OrderBy(policy => policy.Name, PolicyName.Order)];
        _custom = Enforced(PolicyAction.Custom);
        _deny = Enforced(PolicyAction.Deny);
        _allow = Enforced(PolicyAction.Allow);
        _observed = [.. Authorization.Where(policy => policy.DryRun || policy.Action == PolicyAction.Audit)];
        TokenRules =
        [
            .. authentication.Distinct()
                .OrderBy(policy => policy.Name, PolicyName.Order)
                .SelectMany(policy => policy.Rules)
                .OrderBy(rule => rule.Issuer, StringComparer.Ordinal),
        ];
    }

    /// <summary>The AuthorizationPolicies, by name; also those only watched.</summary>
    public ImmutableArray<AuthorizationPolicy> Authorization { get; }

    /// <summary>The rules that tokens are verified by, in the order of their issuers.</summary>
    public ImmutableArray<JwtRule> TokenRules { get; }

    /// <summary>Whether there are no policies at all.</summary>
    public bool IsEmpty => _custom.Length + _deny.Length + _allow.Length + _observed.Length + TokenRules.Length == 0;

    /// <summary>
    /// Judges a request in Istio's order: refused is what a CUSTOM policy matches, since there is no authorizer to ask; then what
    /// a DENY policy matches; and where there are ALLOW policies, what none of them matches. A path with several readings is
    /// refused if it is in any of them. Allocates nothing but what policies that are only watched have to say.
    /// </summary>
    public AuthorizationVerdict AuthorizeRequest(in HttpAuthorizationFacts facts)
    {
        PolicyRefusal? refusal = Refuse(facts) ?? NotAllowed(facts);
        foreach (string reading in facts.Path.Decoded)
        {
            HttpAuthorizationFacts decoded = facts with { DecodedPath = reading };
            refusal ??= Refuse(decoded) ?? NotAllowed(decoded);
        }

        // Where parameters mean something they are part of what an ALLOW policy names, so they count there.
        foreach (string reading in facts.Path.Bare)
            refusal ??= Refuse(facts with { DecodedPath = reading });
        return new AuthorizationVerdict(refusal, _observed.Length == 0 ? [] : Observe(facts));
    }

    /// <summary>
    /// Judges a connection through a waypoint that is not HTTP, by what of the same policies connections can be judged by. A
    /// CUSTOM policy refuses every one.
    /// </summary>
    public PolicyRefusal? AuthorizeConnection(in ConnectionFacts facts)
    {
        if (_custom is [var custom, ..])
            return custom.Unanswered;
        foreach (AuthorizationPolicy policy in _deny)
        {
            if (policy.Matches(facts))
                return policy.Refusal;
        }

        bool allowed = _allow.Length == 0;
        foreach (AuthorizationPolicy policy in _allow)
            allowed = allowed || policy.Matches(facts);
        return allowed ? null : PolicyRefusal.NoneAllowed;
    }

    private AuthorizationPolicy[] Enforced(PolicyAction action) =>
        [.. Authorization.Where(policy => !policy.DryRun && policy.Action == action)];

    private PolicyRefusal? Refuse(in HttpAuthorizationFacts facts)
    {
        foreach (AuthorizationPolicy policy in _custom)
        {
            if (policy.Matches(facts))
                return policy.Unanswered;
        }

        foreach (AuthorizationPolicy policy in _deny)
        {
            if (policy.Matches(facts))
                return policy.Refusal;
        }

        return null;
    }

    private PolicyRefusal? NotAllowed(in HttpAuthorizationFacts facts) =>
        _allow.Length == 0 || AnyMatches(_allow, facts) ? null : PolicyRefusal.NoneAllowed;

    private ImmutableArray<PolicyObservation> Observe(in HttpAuthorizationFacts facts)
    {
        bool allowed = AnyMatches(_allow, facts);
        foreach (AuthorizationPolicy policy in _observed)
            allowed = allowed || (policy.Action == PolicyAction.Allow && policy.Matches(facts));
        var observations = ImmutableArray.CreateBuilder<PolicyObservation>(_observed.Length);
        foreach (AuthorizationPolicy policy in _observed)
        {
            bool matches = policy.Matches(facts);
            if (policy.Action == PolicyAction.Audit && matches)
                observations.Add(new PolicyObservation(policy, ObservedOutcome.Audited));
            else if (policy.Action != PolicyAction.Audit)
                observations.Add(new PolicyObservation(policy, WouldRefuse(policy, matches) ? ObservedOutcome.WouldDeny : ObservedOutcome.WouldAllow));
        }

        return observations.DrainToImmutable();

        bool WouldRefuse(AuthorizationPolicy policy, bool matches) => policy.Action == PolicyAction.Allow ? !allowed : matches;
    }

    private static bool AnyMatches(AuthorizationPolicy[] policies, in HttpAuthorizationFacts facts)
    {
        foreach (AuthorizationPolicy policy in policies)
        {
            if (policy.Matches(facts))
                return true;
        }

        return false;
    }
}

using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What one policy is in the model. Pure.</summary>
internal static class PolicyTranslation
{
    /// <summary>The model's form of an AuthorizationPolicy, without what connections do not have, and saying so.</summary>
    public static AuthorizationPolicy Authorization(AuthorizationPolicyObject policy, TranslatorOptions options)
    {
        var rules = new RuleTranslation(policy.Metadata.Namespace, options);
        ImmutableArray<AuthorizationRule> translated = policy.StandsIn && policy.Action == PolicyAction.Deny
            ? [new AuthorizationRule([])]
            : [.. policy.Rules.Select(rule => rules.Translate(rule, policy.Action)).OfType<AuthorizationRule>()];
        (bool dryRun, string? dryRunNote) = DryRun(policy.Metadata);
        string? unenforced = WhyNotEnforced(policy);
        return new AuthorizationPolicy
        {
            Name = new PolicyName(policy.Metadata.Namespace, policy.Metadata.Name),
            Scope = Scope(policy.Metadata, policy.Selector, options),
            Action = policy.Action,
            DryRun = dryRun,
            Rules = translated,
            DroppedAttributes = unenforced is null ? [.. rules.Dropped] : [],
            Enforcement = Enforcement(unenforced is null, policy.StandsIn || rules.Dropped.Count > 0),
            Notes = unenforced is not null ? [unenforced] : [.. Notes(policy, rules), .. dryRunNote is null ? [] : new[] { dryRunNote }],
        };
    }

    /// <summary>The model's form of a PeerAuthentication.</summary>
    public static PeerAuthentication PeerAuthentication(PeerAuthenticationObject policy, TranslatorOptions options)
    {
        bool ignored = policy.Selector.Count > 0 && IsRoot(policy.Metadata, options);
        return new PeerAuthentication
        {
            Name = new PolicyName(policy.Metadata.Namespace, policy.Metadata.Name),
            Scope = Scope(policy.Metadata, policy.Selector, options),
            Mode = policy.Mode,
            Ports = policy.Ports.ToImmutableSortedDictionary(port => port.Port, port => port.Mode),
            // It might have been the oldest, which counts.
            Created = policy.StandsIn ? null : policy.Metadata.Created,
            Enforcement = Enforcement(!ignored, policy.StandsIn),
            Notes = ignored
                ? [$"has a selector in the root namespace {options.RootNamespace}, where only what is about the whole mesh counts: not enforced"]
                : policy.StandsIn ? ["has mistakes and no earlier version: STRICT until it is mended"] : [],
        };
    }

    private static PolicyScope Scope(ObjectMetadata metadata, StringMap selector, TranslatorOptions options) =>
        new(IsRoot(metadata, options) ? null : metadata.Namespace, selector);

    private static bool IsRoot(ObjectMetadata metadata, TranslatorOptions options) =>
        string.Equals(metadata.Namespace, options.RootNamespace, StringComparison.Ordinal);

    private static Enforcement Enforcement(bool enforced, bool partly) =>
        !enforced ? Mesh.Enforcement.None : partly ? Mesh.Enforcement.Partial : Mesh.Enforcement.Full;

    private static string? WhyNotEnforced(AuthorizationPolicyObject policy)
    {
        if (policy.Targets.Count > 0)
        {
            string targets = string.Join(", ", policy.Targets.Select(target => $"{target.Kind} {target.Name}"));
            return $"is bound by targetRef to {targets}: a waypoint's or gateway's to enforce, not a connection's";
        }

        return policy.Action == PolicyAction.Custom
            ? "the CUSTOM action asks an external authorizer, as only a waypoint or gateway does: not enforced on connections"
            : null;
    }

    private static IEnumerable<string> Notes(AuthorizationPolicyObject policy, RuleTranslation rules)
    {
        if (policy.StandsIn)
        {
            yield return policy.Action switch
            {
                PolicyAction.Deny => "has mistakes and no earlier version: denies every connection until it is mended",
                PolicyAction.Allow => "has mistakes and no earlier version: allows nothing until it is mended",
                _ => "has mistakes and no earlier version: matches nothing until it is mended",
            };
        }
        else if (policy.Rules.Count == 0)
        {
            yield return policy.Action == PolicyAction.Allow ? "has no rules, so it allows nothing" : "has no rules, so it matches nothing";
        }

        if (rules.Dropped.Count > 0)
        {
            string found = $"only requests have these attributes, and a waypoint can look at them: {string.Join(", ", rules.Dropped)}.";
            yield return policy.Action == PolicyAction.Deny
                ? $"{found} The DENY rules with them are enforced without them and so refuse more than they ask"
                : $"{found} The {policy.Action.ToString().ToUpperInvariant()} rules with them match nothing";
        }

        foreach (string principal in rules.PrincipalsWithScheme)
            yield return $"the principal {principal} matches nobody: principals are written without spiffe://";
    }

    /// <summary>The annotation as Go's <c>strconv.ParseBool</c> reads it; what it cannot read leaves the policy enforced.</summary>
    private static (bool DryRun, string? Note) DryRun(ObjectMetadata metadata) => metadata.Annotations[AuthorizationPolicyObject.DryRunAnnotation] switch
    {
        null or "" or "0" or "f" or "F" or "false" or "FALSE" or "False" => (false, null),
        "1" or "t" or "T" or "true" or "TRUE" or "True" => (true, null),
        var other => (false, $"{AuthorizationPolicyObject.DryRunAnnotation} is neither true nor false but {YamlScalar.Show(other)}: enforced"),
    };
}

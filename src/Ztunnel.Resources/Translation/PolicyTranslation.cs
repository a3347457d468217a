using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What one policy is in the model. Pure.</summary>
internal static class PolicyTranslation
{
    private const string NoKeys = "{\"keys\":[]}";

    /// <summary>The model's form of an AuthorizationPolicy, without what connections do not have, and saying so.</summary>
    public static AuthorizationPolicy Authorization(AuthorizationPolicyObject policy, TranslatorOptions options)
    {
        var attributes = new AttributeTranslation(policy.Metadata.Namespace, options);
        var connections = new RuleTranslation<ConnectionFacts>(attributes.OfConnections);
        var requests = new RuleTranslation<HttpAuthorizationFacts>(attributes.OfRequests);
        ImmutableArray<AuthorizationRule<ConnectionFacts>> rules = connections.Translate(policy);
        ImmutableArray<AuthorizationRule<HttpAuthorizationFacts>> requestRules = requests.Translate(policy);
        (bool dryRun, string? dryRunNote) = DryRun(policy.Metadata);
        bool attached = policy.Targets.Count > 0, onRequestsOnly = attached || policy.Action == PolicyAction.Custom;
        SortedSet<string> dropped = onRequestsOnly ? requests.Dropped : connections.Dropped;
        return new AuthorizationPolicy
        {
            Name = new PolicyName(policy.Metadata.Namespace, policy.Metadata.Name),
            Scope = Scope(policy.Metadata, policy.Selector, options),
            Action = policy.Action,
            DryRun = dryRun,
            Rules = rules,
            RequestRules = requestRules,
            Attached = attached,
            Attachments = Attachments(policy.Metadata, policy.Targets, options),
            DroppedAttributes = [.. dropped],
            Enforcement = Enforcement(!onRequestsOnly, policy.StandsIn || dropped.Count > 0),
            Notes =
            [
                .. WhyNotOnConnections(policy, options),
                .. Notes(policy, dropped, onRequestsOnly),
                .. attributes.PrincipalsWithScheme.Select(principal => $"the principal {principal} matches nobody: principals are written without spiffe://"),
                .. dryRunNote is null ? [] : new[] { dryRunNote },
            ],
        };
    }

    /// <summary>The model's form of a RequestAuthentication.</summary>
    public static RequestAuthentication RequestAuthentication(RequestAuthenticationObject policy, TranslatorOptions options)
    {
        var name = new PolicyName(policy.Metadata.Namespace, policy.Metadata.Name);
        return new RequestAuthentication
        {
            Name = name,
            Scope = Scope(policy.Metadata, policy.Selector, options),
            // What stands in takes the tokens of no issuer, so that any is refused wherever one may stand; and what only a token
            // may say in headers is believed of nobody.
            Rules = policy.StandsIn
                ? [new JwtRule { Policy = name, Issuer = "", Jwks = NoKeys }, .. policy.Rules.Select(rule => Rule(rule with { Issuer = "", Jwks = NoKeys, JwksUri = null }, name))]
                : [.. policy.Rules.Select(rule => Rule(rule, name))],
            Attached = policy.Targets.Count > 0,
            Attachments = Attachments(policy.Metadata, policy.Targets, options),
            Notes =
            [
                policy.Targets.Count > 0
                    ? AboutRequests(policy.Targets)
                    : "is enforced on requests through the ingress gateways whose pods it is about; only a targetRef attaches it to a waypoint",
                .. NotesOnTargets(policy.Metadata, policy.Targets, options),
                .. policy.StandsIn ? ["has mistakes and no earlier version: refuses every token until it is mended"] : Array.Empty<string>(),
            ],
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

    private static JwtRule Rule(JwtRuleSpec rule, PolicyName policy) => new()
    {
        Policy = policy,
        Issuer = rule.Issuer,
        Audiences = [.. rule.Audiences],
        Jwks = rule.Jwks,
        JwksUri = rule.JwksUri,
        Timeout = rule.Timeout,
        FromHeaders = [.. rule.FromHeaders],
        FromParams = [.. rule.FromParams],
        FromCookies = [.. rule.FromCookies],
        OutputPayloadToHeader = rule.OutputPayloadToHeader,
        OutputClaimToHeaders = [.. rule.OutputClaimToHeaders],
        ForwardOriginalToken = rule.ForwardOriginalToken,
        SpaceDelimitedClaims = [.. rule.SpaceDelimitedClaims],
    };

    /// <summary>What it is attached to; a class only by a policy of the root namespace, as in Istio.</summary>
    private static ImmutableArray<PolicyAttachment> Attachments(ObjectMetadata metadata, ValueArray<PolicyTarget> targets, TranslatorOptions options) =>
    [
        .. targets
            .Where(target => target.Attachment is { } kind && (kind != PolicyAttachmentKind.GatewayClass || IsRoot(metadata, options)))
            .Select(target => new PolicyAttachment(
                target.Attachment!.Value, target.Attachment == PolicyAttachmentKind.GatewayClass ? "" : metadata.Namespace, target.Name)),
    ];

    private static string AboutRequests(ValueArray<PolicyTarget> targets) =>
        $"names {string.Join(", ", targets.Select(target => $"{target.Kind} {target.Name}"))} as its target: about requests there, not about connections";

    private static IEnumerable<string> WhyNotOnConnections(AuthorizationPolicyObject policy, TranslatorOptions options)
    {
        if (policy.Targets.Count > 0)
            return [AboutRequests(policy.Targets), .. NotesOnTargets(policy.Metadata, policy.Targets, options)];
        return policy.Action == PolicyAction.Custom
            ? ["the CUSTOM action asks an external authorizer, and there is none: gateways refuse the requests it matches, and it has no effect on connections"]
            : [];
    }

    private static IEnumerable<string> NotesOnTargets(ObjectMetadata metadata, ValueArray<PolicyTarget> targets, TranslatorOptions options) => targets
        .Where(target => target.Attachment == PolicyAttachmentKind.GatewayClass && !IsRoot(metadata, options))
        .Select(target => $"is not in the root namespace {options.RootNamespace}, so that it has no effect on GatewayClass {target.Name}");

    private static IEnumerable<string> Notes(AuthorizationPolicyObject policy, SortedSet<string> dropped, bool onRequestsOnly)
    {
        bool refuses = policy.Action is PolicyAction.Deny or PolicyAction.Custom;
        if (policy.StandsIn)
        {
            yield return policy.Action switch
            {
                PolicyAction.Deny or PolicyAction.Custom =>
                    $"has mistakes and no earlier version: denies every {(onRequestsOnly ? "request" : "connection")} until it is mended",
                PolicyAction.Allow => "has mistakes and no earlier version: allows nothing until it is mended",
                _ => "has mistakes and no earlier version: matches nothing until it is mended",
            };
        }
        else if (policy.Rules.Count == 0)
        {
            yield return policy.Action == PolicyAction.Allow ? "has no rules, so it allows nothing" : "has no rules, so it matches nothing";
        }

        if (dropped.Count > 0)
        {
            string names = string.Join(", ", dropped), action = policy.Action.ToString().ToUpperInvariant();
            string found = onRequestsOnly
                ? $"these attributes are not known: {names}."
                : $"only requests have these attributes, and a waypoint can look at them: {names}.";
            yield return refuses
                ? $"{found} The {action} rules with them are enforced without them and so refuse more than they ask"
                : $"{found} The {action} rules with them match nothing";
        }
    }

    /// <summary>What the annotation says; what cannot be read leaves the policy enforced.</summary>
    private static (bool DryRun, string? Note) DryRun(ObjectMetadata metadata)
    {
        string? said = metadata.Annotations[AuthorizationPolicyObject.DryRunAnnotation];
        return string.IsNullOrEmpty(said) ? (false, null)
            : BooleanText.Read(said) is { } dryRun ? (dryRun, null)
            : (false, $"{AuthorizationPolicyObject.DryRunAnnotation} is neither true nor false but {YamlScalar.Show(said)}: enforced");
    }
}

using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Makes rules into what connections can be judged by, and keeps account of the attributes that only requests have. A DENY
/// rule loses those, so that it refuses at least what it would have; a rule of another action is left out with them, so that
/// it lets in at most what it would have.
/// </summary>
internal sealed class RuleTranslation(string policyNamespace, TranslatorOptions options)
{
    private const string Scheme = "spiffe://";

    /// <summary>The attributes found that connections do not have, as the policy writes them.</summary>
    public SortedSet<string> Dropped { get; } = new(StringComparer.Ordinal);

    /// <summary>Principals written as URIs, which match nobody.</summary>
    public SortedSet<string> PrincipalsWithScheme { get; } = new(StringComparer.Ordinal);

    /// <summary>The rule; null when it is left out.</summary>
    public AuthorizationRule? Translate(RuleSpec rule, PolicyAction action)
    {
        bool whole = true;
        ImmutableArray<AuthorizationClause> clauses =
        [
            .. rule.From.Count > 0 ? [Clause(rule.From, ref whole)] : Array.Empty<AuthorizationClause>(),
            .. rule.To.Count > 0 ? [Clause(rule.To, ref whole)] : Array.Empty<AuthorizationClause>(),
            .. Conditions(rule.When, ref whole),
        ];
        return whole || action == PolicyAction.Deny ? new AuthorizationRule(clauses) : null;
    }

    private List<AuthorizationClause> Conditions(ValueArray<MatchSpec> conditions, ref bool whole)
    {
        var clauses = new List<AuthorizationClause>();
        foreach (MatchSpec condition in conditions)
            clauses.Add(Clause([condition], ref whole));
        return clauses;
    }

    private AuthorizationClause Clause(ValueArray<MatchSpec> matches, ref bool whole)
    {
        var alternatives = ImmutableArray.CreateBuilder<ImmutableArray<AttributeMatcher>>(matches.Count);
        foreach (MatchSpec match in matches)
        {
            ImmutableArray<AttributeMatcher> demands = [.. match.Attributes.Select(Matcher).OfType<AttributeMatcher>()];
            whole &= demands.Length == match.Attributes.Count;
            alternatives.Add(demands);
        }

        return new AuthorizationClause(alternatives.DrainToImmutable());
    }

    /// <summary>The demand in the model's form; null for an attribute that connections do not have.</summary>
    private AttributeMatcher? Matcher(AttributeSpec attribute)
    {
        ValueArray<string> values = attribute.Values;
        bool negated = attribute.Negated;
        switch (attribute.Name)
        {
            case "principals" or "source.principal":
                PrincipalsWithScheme.UnionWith(values.Where(value => value.StartsWith(Scheme, StringComparison.Ordinal)));
                return new AttributeMatcher.Principal(Patterns(values.SelectMany(WithAliases))) { Negated = negated };
            case "namespaces" or "source.namespace":
                return new AttributeMatcher.Namespace(Patterns(values)) { Negated = negated };
            case "trustDomains" or "source.trustDomain":
                return new AttributeMatcher.TrustDomain(Patterns(values.SelectMany(AliasesOf))) { Negated = negated };
            case "serviceAccounts" or "source.serviceAccount":
                return new AttributeMatcher.ServiceAccount([.. values.Select(ServiceAccount)]) { Negated = negated };
            case "ipBlocks" or "source.ip":
                return new AttributeMatcher.SourceAddress(Ranges(values)) { Negated = negated };
            case "destination.ip":
                return new AttributeMatcher.DestinationAddress(Ranges(values)) { Negated = negated };
            case "ports" or "destination.port":
                return new AttributeMatcher.DestinationPort([.. values.Select(PolicyAttributes.Port).OfType<ushort>()]) { Negated = negated };
            default:
                Dropped.Add(negated && !attribute.Name.Contains('.', StringComparison.Ordinal) ? Not(attribute.Name) : attribute.Name);
                return null;
        }
    }

    private static string Not(string name) => $"not{char.ToUpperInvariant(name[0])}{name[1..]}";

    private static ImmutableArray<TextPattern> Patterns(IEnumerable<string> values) =>
        [.. values.Distinct(StringComparer.Ordinal).Select(value => new TextPattern(value))];

    private static ImmutableArray<AddressRange> Ranges(ValueArray<string> values) => [.. values.Select(PolicyAttributes.Range).OfType<AddressRange>()];

    private (string Namespace, string Name) ServiceAccount(string value) =>
        value.Split('/') is [var @namespace, var name] ? (@namespace, name) : (policyNamespace, value);

    /// <summary>
    /// A principal in each of the mesh's trust domains, when it names one of them or <c>cluster.local</c>, which stands for the
    /// mesh's own (Istio's trust domain migration).
    /// </summary>
    private IEnumerable<string> WithAliases(string principal)
    {
        if (principal.Split('/') is not [var domain, var ns, var @namespace, var sa, var account] || domain == "*")
            return [principal];
        var pattern = new TextPattern(domain);
        bool own = domain == TranslatorOptions.LocalTrustDomain || options.TrustDomains.Any(known => pattern.Matches(known));
        return own
            ? options.TrustDomains.Select(known => pattern.Matches(known) ? principal : $"{known}/{ns}/{@namespace}/{sa}/{account}")
            : [principal];
    }

    private IEnumerable<string> AliasesOf(string trustDomain) =>
        options.TrustDomains.Contains(trustDomain, StringComparer.Ordinal) ? options.TrustDomains : [trustDomain];
}

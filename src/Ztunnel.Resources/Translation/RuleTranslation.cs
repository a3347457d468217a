using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Makes rules into what connections or requests can be judged by, and keeps account of the attributes that those do not have.
/// A rule that refuses loses such an attribute, so that it refuses at least what it would have; one of another action is left
/// out with it, so that it lets in at most what it would have.
/// </summary>
/// <param name="translate">A demand in the model's form; null for an attribute that what is judged does not have.</param>
internal sealed class RuleTranslation<TFacts>(Func<AttributeSpec, Matcher<TFacts>?> translate)
    where TFacts : struct, allows ref struct
{
    /// <summary>The attributes found that what is judged does not have, as the policy writes them.</summary>
    public SortedSet<string> Dropped { get; } = new(StringComparer.Ordinal);

    /// <summary>The rules, without those left out.</summary>
    public ImmutableArray<AuthorizationRule<TFacts>> Translate(AuthorizationPolicyObject policy)
    {
        bool refuses = policy.Action is PolicyAction.Deny or PolicyAction.Custom;
        return policy.StandsIn && refuses
            ? [new AuthorizationRule<TFacts>([])]
            : [.. policy.Rules.Select(rule => Translate(rule, refuses)).OfType<AuthorizationRule<TFacts>>()];
    }

    private AuthorizationRule<TFacts>? Translate(RuleSpec rule, bool refuses)
    {
        bool whole = true;
        ImmutableArray<AuthorizationClause<TFacts>> clauses =
        [
            .. rule.From.Count > 0 ? [Clause(rule.From, ref whole)] : Array.Empty<AuthorizationClause<TFacts>>(),
            .. rule.To.Count > 0 ? [Clause(rule.To, ref whole)] : Array.Empty<AuthorizationClause<TFacts>>(),
            .. Conditions(rule.When, ref whole),
        ];
        return whole || refuses ? new AuthorizationRule<TFacts>(clauses) : null;
    }

    private List<AuthorizationClause<TFacts>> Conditions(ValueArray<MatchSpec> conditions, ref bool whole)
    {
        var clauses = new List<AuthorizationClause<TFacts>>();
        foreach (MatchSpec condition in conditions)
            clauses.Add(Clause([condition], ref whole));
        return clauses;
    }

    private AuthorizationClause<TFacts> Clause(ValueArray<MatchSpec> matches, ref bool whole)
    {
        var alternatives = ImmutableArray.CreateBuilder<ImmutableArray<Matcher<TFacts>>>(matches.Count);
        foreach (MatchSpec match in matches)
        {
            ImmutableArray<Matcher<TFacts>> demands = [.. match.Attributes.Select(Matcher).OfType<Matcher<TFacts>>()];
            whole &= demands.Length == match.Attributes.Count;
            alternatives.Add(demands);
        }

        return new AuthorizationClause<TFacts>(alternatives.DrainToImmutable());
    }

    private Matcher<TFacts>? Matcher(AttributeSpec attribute)
    {
        Matcher<TFacts>? matcher = translate(attribute);
        if (matcher is null)
            Dropped.Add(attribute.Negated && !attribute.Name.Contains('.', StringComparison.Ordinal) ? PolicyAttributes.Not(attribute.Name) : attribute.Name);
        return matcher;
    }
}

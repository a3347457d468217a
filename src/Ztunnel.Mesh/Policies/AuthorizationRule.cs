using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// A rule of an <see cref="AuthorizationPolicy"/>: it matches a connection or a request when each of its clauses does; one
/// without clauses matches everything. A rule's <c>from</c> is one clause, its <c>to</c> another, and each of its <c>when</c>.
/// </summary>
/// <typeparam name="TFacts">What is known of what is judged.</typeparam>
public sealed class AuthorizationRule<TFacts>(ImmutableArray<AuthorizationClause<TFacts>> clauses)
    where TFacts : struct, allows ref struct
{
    /// <summary>Whether what is judged matches. Allocates nothing.</summary>
    public bool Matches(in TFacts facts)
    {
        foreach (AuthorizationClause<TFacts> clause in clauses)
        {
            if (!clause.Matches(facts))
                return false;
        }

        return true;
    }
}

/// <summary>
/// A clause of an <see cref="AuthorizationRule{TFacts}"/>: it matches when one of its alternatives does, and an alternative
/// when all that it demands is met. An alternative that demands nothing matches everything.
/// </summary>
/// <typeparam name="TFacts">What is known of what is judged.</typeparam>
public sealed class AuthorizationClause<TFacts>(ImmutableArray<ImmutableArray<Matcher<TFacts>>> alternatives)
    where TFacts : struct, allows ref struct
{
    /// <summary>Whether what is judged matches. Allocates nothing.</summary>
    public bool Matches(in TFacts facts)
    {
        foreach (ImmutableArray<Matcher<TFacts>> alternative in alternatives)
        {
            if (AllMatch(alternative, facts))
                return true;
        }

        return false;
    }

    private static bool AllMatch(ImmutableArray<Matcher<TFacts>> demands, in TFacts facts)
    {
        foreach (Matcher<TFacts> demand in demands)
        {
            if (!demand.Matches(facts))
                return false;
        }

        return true;
    }
}

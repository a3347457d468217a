using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// A rule of an <see cref="AuthorizationPolicy"/>: it matches a connection when each of its clauses does; one without clauses
/// matches every connection. A rule's <c>from</c> is one clause, its <c>to</c> another, and each of its <c>when</c>.
/// </summary>
public sealed class AuthorizationRule(ImmutableArray<AuthorizationClause> clauses)
{
    /// <summary>Whether the connection matches. Allocates nothing.</summary>
    public bool Matches(in ConnectionFacts facts)
    {
        foreach (AuthorizationClause clause in clauses)
        {
            if (!clause.Matches(facts))
                return false;
        }

        return true;
    }
}

/// <summary>
/// A clause of an <see cref="AuthorizationRule"/>: it matches when one of its alternatives does, and an alternative when all
/// that it demands is met. An alternative that demands nothing matches every connection.
/// </summary>
public sealed class AuthorizationClause(ImmutableArray<ImmutableArray<AttributeMatcher>> alternatives)
{
    /// <summary>Whether the connection matches. Allocates nothing.</summary>
    public bool Matches(in ConnectionFacts facts)
    {
        foreach (ImmutableArray<AttributeMatcher> alternative in alternatives)
        {
            if (AllMatch(alternative, facts))
                return true;
        }

        return false;
    }

    private static bool AllMatch(ImmutableArray<AttributeMatcher> demands, in ConnectionFacts facts)
    {
        foreach (AttributeMatcher demand in demands)
        {
            if (!demand.Matches(facts))
                return false;
        }

        return true;
    }
}

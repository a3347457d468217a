namespace Ztunnel.Mesh;

/// <summary>
/// What a rule demands of one attribute of what is judged: of a connection (<see cref="AttributeMatcher"/>) or of a request
/// (<see cref="RequestMatcher"/>).
/// </summary>
/// <typeparam name="TFacts">What is known of what is judged.</typeparam>
public abstract class Matcher<TFacts>
    where TFacts : struct, allows ref struct
{
    private protected Matcher()
    {
    }

    /// <summary>Whether none of the values may match, rather than one having to.</summary>
    public bool Negated { get; init; }

    /// <summary>Whether the demand is met. Allocates nothing.</summary>
    public bool Matches(in TFacts facts) => AnyMatches(facts) != Negated;

    /// <summary>Whether one of the values matches.</summary>
    private protected abstract bool AnyMatches(in TFacts facts);
}

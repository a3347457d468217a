namespace Ztunnel.Mesh;

/// <summary>One of the <c>matches</c> of a rule: conditions of which all have to hold. One that says nothing matches every request.</summary>
public sealed record HttpMatch
{
    /// <summary>What the path has to be.</summary>
    public PathMatch Path { get; init; } = PathMatch.Everything;

    /// <summary>What the method has to be; null for any.</summary>
    public string? Method { get; init; }

    /// <summary>What headers have to be.</summary>
    public ValueArray<NamedMatch> Headers { get; init; } = [];

    /// <summary>What parameters of the query have to be.</summary>
    public ValueArray<NamedMatch> Query { get; init; } = [];

    /// <summary>Whether a request fits.</summary>
    public bool Matches(in HttpRequestFacts request)
    {
        if (!Path.Matches(request.Path) || (Method is not null && !request.Method.SequenceEqual(Method)))
            return false;
        foreach (NamedMatch header in Headers.AsSpan())
        {
            if (request.Headers?.Find(header.Name) is not { } value || !header.Value.Matches(value))
                return false;
        }

        foreach (NamedMatch parameter in Query.AsSpan())
        {
            if (!RequestQuery.Matches(request.Query, parameter))
                return false;
        }

        return true;
    }

    /// <summary>The conditions in one line: <c>POST prefix /abc header version=two query a=1</c>.</summary>
    public override string ToString() => string.Join(' ', new[] { Method, Path.ToString() }
        .OfType<string>()
        .Concat(Headers.Select(header => $"header {header}"))
        .Concat(Query.Select(parameter => $"query {parameter}")));
}

/// <summary>What the header or query parameter of a name has to be.</summary>
public sealed record NamedMatch(string Name, ValueMatch Value)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Name}={Value}";
}

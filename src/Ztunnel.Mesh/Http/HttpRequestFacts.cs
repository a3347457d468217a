namespace Ztunnel.Mesh;

/// <summary>What a route is chosen by.</summary>
public readonly ref struct HttpRequestFacts
{
    /// <summary>The host asked for (<c>Host</c>, <c>:authority</c>), without port.</summary>
    public required ReadOnlySpan<char> Host { get; init; }

    /// <summary>The method.</summary>
    public required ReadOnlySpan<char> Method { get; init; }

    /// <summary>The path, normalised (<see cref="HttpPath"/>), without query.</summary>
    public required ReadOnlySpan<char> Path { get; init; }

    /// <summary>The query as it was sent, without its question mark; empty where there is none.</summary>
    public ReadOnlySpan<char> Query { get; init; }

    /// <summary>The headers; null for none.</summary>
    public IRequestHeaders? Headers { get; init; }
}

/// <summary>The headers of a request.</summary>
public interface IRequestHeaders
{
    /// <summary>The value of the header of that name, whatever its case: of several lines joined by commas. Null when there is none.</summary>
    string? Find(string name);
}

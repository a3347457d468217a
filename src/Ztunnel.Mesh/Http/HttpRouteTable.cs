using System.Collections.Frozen;

namespace Ztunnel.Mesh;

/// <summary>
/// The rules of all routes at one listener, or of one service, arranged by precedence. Immutable, compared by content; any
/// thread may look, and looking allocates nothing.
/// </summary>
public sealed class HttpRouteTable : IEquatable<HttpRouteTable>
{
    /// <summary>The table without routes.</summary>
    public static readonly HttpRouteTable Empty = new([]);

    private readonly FrozenDictionary<string, HttpRouteMatch[]>.AlternateLookup<ReadOnlySpan<char>> _exact;
    private readonly FrozenDictionary<string, HttpRouteMatch[]>.AlternateLookup<ReadOnlySpan<char>> _wildcards;
    private readonly HttpRouteMatch[] _any;

    /// <summary>The table of <paramref name="matches"/>, in any order.</summary>
    public HttpRouteTable(IEnumerable<HttpRouteMatch> matches)
    {
        Matches = [.. matches.Distinct().Order(HttpRouteMatch.Precedence)];
        _exact = Arrange(match => match.Hostname is { IsAny: false, IsWildcard: false });
        _wildcards = Arrange(match => match.Hostname.IsWildcard);
        _any = [.. Matches.Where(match => match.Hostname.IsAny)];
    }

    /// <summary>All ways in, first those that have precedence.</summary>
    public ValueArray<HttpRouteMatch> Matches { get; }

    /// <summary>One table of what several hold.</summary>
    public static HttpRouteTable Combine(IEnumerable<HttpRouteTable> tables) => new(tables.SelectMany(table => table.Matches));

    /// <summary>The rule for a request; null when there is none, which is answered with 404.</summary>
    public HttpRouteMatch? Match(in HttpRequestFacts request)
    {
        if (_exact.TryGetValue(request.Host, out HttpRouteMatch[]? named) && First(named, request) is { } exact)
            return exact;
        if (_wildcards.Dictionary.Count > 0)
        {
            for (ReadOnlySpan<char> rest = request.Host; rest.IndexOf('.') is >= 0 and var dot; rest = rest[(dot + 1)..])
            {
                bool standsForSomething = rest.Length - dot < request.Host.Length;
                if (standsForSomething && _wildcards.TryGetValue(rest[dot..], out HttpRouteMatch[]? group) && First(group, request) is { } wildcard)
                    return wildcard;
            }
        }

        return First(_any, request);
    }

    /// <summary>Whether both hold the same.</summary>
    public bool Equals(HttpRouteTable? other) => ReferenceEquals(this, other) || (other is not null && Matches == other.Matches);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as HttpRouteTable);

    /// <inheritdoc/>
    public override int GetHashCode() => Matches.Count;

    private static HttpRouteMatch? First(HttpRouteMatch[] candidates, in HttpRequestFacts request)
    {
        foreach (HttpRouteMatch candidate in candidates)
        {
            if (candidate.Match.Matches(request))
                return candidate;
        }

        return null;
    }

    private FrozenDictionary<string, HttpRouteMatch[]>.AlternateLookup<ReadOnlySpan<char>> Arrange(Func<HttpRouteMatch, bool> choose) =>
        Matches.Where(choose)
            .GroupBy(match => match.Hostname.ToString().TrimStart('*'), StringComparer.OrdinalIgnoreCase)
            .ToFrozenDictionary(group => group.Key, group => group.ToArray(), StringComparer.OrdinalIgnoreCase)
            .GetAlternateLookup<ReadOnlySpan<char>>();
}

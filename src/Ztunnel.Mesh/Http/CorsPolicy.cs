namespace Ztunnel.Mesh;

/// <summary>Which origins may use the answers of a rule, and how (Gateway API <c>HTTPCORSFilter</c>).</summary>
public sealed record CorsPolicy
{
    /// <summary><c>scheme://host</c> or <c>scheme://host:port</c>, where a <c>*</c> in the host is any text; <c>*</c> is every origin.</summary>
    public ValueArray<string> AllowOrigins { get; init; } = [];

    /// <summary>The methods; <c>*</c> is every method.</summary>
    public ValueArray<string> AllowMethods { get; init; } = [];

    /// <summary>The headers; <c>*</c> is every header.</summary>
    public ValueArray<string> AllowHeaders { get; init; } = [];

    /// <summary>The headers that scripts may read.</summary>
    public ValueArray<string> ExposeHeaders { get; init; } = [];

    /// <summary>Whether cookies and the like may be sent.</summary>
    public bool AllowCredentials { get; init; }

    /// <summary>For how many seconds the answer to a preflight holds.</summary>
    public int MaxAge { get; init; } = 5;

    /// <summary>Whether <paramref name="origin"/> is allowed. A scheme's own port may stand in it or not.</summary>
    public bool Allows(ReadOnlySpan<char> origin)
    {
        foreach (string allowed in AllowOrigins.AsSpan())
        {
            if (allowed == "*" || Matches(WithoutDefaultPort(allowed), WithoutDefaultPort(origin)))
                return true;
        }

        return false;
    }

    private static bool Matches(ReadOnlySpan<char> pattern, ReadOnlySpan<char> origin)
    {
        int star = pattern.IndexOf('*');
        if (star < 0)
            return pattern.Equals(origin, StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> before = pattern[..star], after = pattern[(star + 1)..];
        if (origin.Length <= before.Length + after.Length
            || !origin.StartsWith(before, StringComparison.OrdinalIgnoreCase)
            || !origin.EndsWith(after, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        // The star stands for labels of a host: nothing of another part of a URL.
        return !origin[before.Length..^after.Length].ContainsAny('/', ':', '@');
    }

    private static ReadOnlySpan<char> WithoutDefaultPort(ReadOnlySpan<char> origin)
    {
        if (origin.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && origin.EndsWith(":80", StringComparison.Ordinal))
            return origin[..^":80".Length];
        return origin.StartsWith("https://", StringComparison.OrdinalIgnoreCase) && origin.EndsWith(":443", StringComparison.Ordinal)
            ? origin[..^":443".Length]
            : origin;
    }
}

using System.Runtime.InteropServices;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a request asks for, taken apart: what policies and routes look at and what is sent on.</summary>
/// <param name="Path">The path.</param>
/// <param name="Query">The query as sent, without its question mark; null where there is none.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct RequestTarget(HttpPath Path, string? Query)
{
    /// <summary>
    /// Reads a request line's target in origin form, absolute form or <c>*</c> (RFC 9112 section 3.2). False for what is none of
    /// these, and for a path that could be understood differently behind us.
    /// </summary>
    public static bool TryRead(string raw, out RequestTarget target)
    {
        target = default;
        ReadOnlySpan<char> rest = raw;
        // Over HTTP/2 the server lets anything pass in a query. With a blank a request line would be another, and of what is not
        // ASCII HttpClient writes nothing but goes on as if: what its buffer held before would be sent in its place.
        if (rest.ContainsAnyExceptInRange('!', '~'))
            return false;
        if (rest is not "*" && !rest.StartsWith('/'))
        {
            int scheme = rest.IndexOf("://", StringComparison.Ordinal);
            if (scheme <= 0)
                return false;
            rest = rest[(scheme + 3)..];
            int start = rest.IndexOfAny('/', '?');
            rest = start < 0 ? "/" : rest[start..];
        }

        if (rest.IndexOf('#') is >= 0 and var fragment)
            rest = rest[..fragment];
        int mark = rest.IndexOf('?');
        string? query = mark < 0 ? null : rest[(mark + 1)..].ToString();
        ReadOnlySpan<char> path = mark < 0 ? rest : rest[..mark];
        string text = path.IsEmpty ? "/" : path.Length == raw.Length ? raw : path.ToString();
        if (!HttpPath.TryNormalize(text, out HttpPath normalized, out _))
            return false;
        target = new RequestTarget(normalized, query);
        return true;
    }
}

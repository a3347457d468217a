using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Ztunnel.Gateway;

/// <summary>Looks at the names of header fields, of which the server takes more than there may be.</summary>
internal static class HeaderNames
{
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>Whether all names are made of what names are made of (RFC 9110 section 5.1).</summary>
    public static bool AreTokens(IHeaderDictionary headers)
    {
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            // HTTP/2's own (:authority) are none of the client's, and there are no others left.
            if (header.Key is not [':', ..] && (header.Key.Length == 0 || header.Key.AsSpan().ContainsAnyExcept(Token)))
                return false;
        }

        return true;
    }
}

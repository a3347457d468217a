using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ztunnel.Mesh;
using Known = Microsoft.Net.Http.Headers.HeaderNames;

namespace Ztunnel.Gateway;

/// <summary>Does what a filter says to headers.</summary>
internal static class HeaderChanges
{
    /// <summary>Sets, adds and removes, in this order.</summary>
    public static void Apply(this HeaderChange change, IHeaderDictionary headers)
    {
        foreach (HeaderValue set in change.Set)
            headers[set.Name] = set.Value;
        foreach (HeaderValue added in change.Add)
            headers[added.Name] = Add(added, headers[added.Name]);
        foreach (string removed in change.Remove)
            headers.Remove(removed);
    }

    /// <summary>
    /// What is added stands behind a comma and no blank, as Gateway API's conformance suite wants to see it: lines of a header are one
    /// list (RFC 9110 section 5.3). Cookies are not, and get a line of their own.
    /// </summary>
    private static StringValues Add(HeaderValue added, StringValues before)
    {
        bool isList = !Known.Cookie.Equals(added.Name, StringComparison.OrdinalIgnoreCase)
            && !Known.SetCookie.Equals(added.Name, StringComparison.OrdinalIgnoreCase);
        return before.Count > 0 && isList ? $"{before},{added.Value}" : StringValues.Concat(before, added.Value);
    }
}

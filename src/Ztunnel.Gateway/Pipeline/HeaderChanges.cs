using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Does what a filter says to headers.</summary>
internal static class HeaderChanges
{
    /// <summary>Sets, adds and removes, in this order. What is added stands in a line of its own.</summary>
    public static void Apply(this HeaderChange change, IHeaderDictionary headers)
    {
        foreach (HeaderValue set in change.Set)
            headers[set.Name] = set.Value;
        foreach (HeaderValue added in change.Add)
            headers[added.Name] = StringValues.Concat(headers[added.Name], added.Value);
        foreach (string removed in change.Remove)
            headers.Remove(removed);
    }
}

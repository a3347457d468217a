using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The headers of a request as the server has them.</summary>
internal sealed class RequestHeaders(IHeaderDictionary headers) : IRequestHeaders
{
    /// <inheritdoc/>
    public string? Find(string name) => headers.TryGetValue(name, out StringValues values) ? values.Count == 1 ? values[0] : string.Join(',', values.ToArray()) : null;
}

/// <summary>The headers of a request as they will be once changes are made to them.</summary>
internal sealed class AmendedHeaders(IRequestHeaders headers, ImmutableArray<RequestHeader> changes) : IRequestHeaders
{
    /// <inheritdoc/>
    public string? Find(string name)
    {
        for (int last = changes.Length - 1; last >= 0; last--)
        {
            if (string.Equals(changes[last].Name, name, StringComparison.OrdinalIgnoreCase))
                return changes[last].Value;
        }

        return headers.Find(name);
    }
}

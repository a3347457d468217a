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

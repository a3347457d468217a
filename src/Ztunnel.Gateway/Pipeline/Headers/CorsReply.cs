using System.Globalization;
using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a rule's CORS filter says to a browser (Fetch standard section 3.2; Gateway API HTTPCORSFilter).</summary>
internal static class CorsReply
{
    private static readonly HeaderChange DependsOnOrigin = new() { Add = [new HeaderValue("vary", "origin")] };

    /// <summary>Whether a request is a browser's question, which is answered here and never sent on.</summary>
    public static bool IsPreflight(HttpRequest request) =>
        HttpMethods.IsOptions(request.Method) && request.Headers.Origin.Count > 0 && request.Headers.AccessControlRequestMethod.Count > 0;

    /// <summary>The headers for an answer. Caches between have to know that it depends on the origin, whatever that is.</summary>
    public static HeaderChange HeadersFor(CorsPolicy policy, HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        if (origin.Length == 0 || !policy.Allows(origin))
            return DependsOnOrigin;
        var set = new List<HeaderValue> { new("access-control-allow-origin", origin) };
        if (policy.AllowCredentials)
            set.Add(new HeaderValue("access-control-allow-credentials", "true"));
        if (policy.ExposeHeaders.Count > 0)
            set.Add(new HeaderValue("access-control-expose-headers", string.Join(", ", policy.ExposeHeaders)));
        if (IsPreflight(request))
            AddPreflight(set, policy, request);
        return DependsOnOrigin with { Set = [.. set] };
    }

    private static void AddPreflight(List<HeaderValue> set, CorsPolicy policy, HttpRequest request)
    {
        string method = request.Headers.AccessControlRequestMethod.ToString();
        string asked = request.Headers.AccessControlRequestHeaders.ToString();
        if (policy.AllowMethods.Count > 0)
            set.Add(new HeaderValue("access-control-allow-methods", policy.AllowMethods.Contains("*", StringComparer.Ordinal) ? method : string.Join(", ", policy.AllowMethods)));
        if (asked.Length > 0 && policy.AllowHeaders.Count > 0)
            set.Add(new HeaderValue("access-control-allow-headers", policy.AllowHeaders.Contains("*", StringComparer.Ordinal) ? asked : string.Join(", ", policy.AllowHeaders)));
        set.Add(new HeaderValue("access-control-max-age", policy.MaxAge.ToString(CultureInfo.InvariantCulture)));
    }
}

using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Ztunnel.Gateway;

/// <summary>
/// The headers by which those behind a gateway know what came before: taken from clients of the mesh, made at its edge, where
/// nobody is trusted to say what only the mesh may.
/// </summary>
internal static class EdgeHeaders
{
    public const string RequestId = "x-request-id";
    public const string ForwardedFor = "x-forwarded-for";
    public const string ForwardedProto = "x-forwarded-proto";
    public const string ForwardedHost = "x-forwarded-host";

    /// <summary>Headers that the mesh gives a meaning to and that a client outside could forge, beside all of <c>x-envoy-</c>.</summary>
    private static readonly string[] Internal =
        ["x-forwarded-client-cert", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-istio-attributes", "baggage-istio"];

    /// <summary>Prepares a request's headers for being sent on.</summary>
    public static void Prepare(HttpRequest request, Entry entry)
    {
        IHeaderDictionary headers = request.Headers;
        if (entry is Entry.Listener)
        {
            Distrust(headers);
            Append(headers, ForwardedFor, Text(entry.Client.Address));
            headers[ForwardedProto] = request.Scheme;
            if (request.Host.HasValue)
                headers[ForwardedHost] = request.Host.Value;
        }
        else if (!headers.ContainsKey(ForwardedProto))
        {
            headers[ForwardedProto] = request.Scheme;
        }

        if (StringValues.IsNullOrEmpty(headers[RequestId]))
            headers[RequestId] = Guid.NewGuid().ToString();
    }

    private static void Distrust(IHeaderDictionary headers)
    {
        foreach (string name in Internal)
            headers.Remove(name);
        List<string>? forged = null;
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            if (header.Key.StartsWith("x-envoy-", StringComparison.OrdinalIgnoreCase))
                (forged ??= []).Add(header.Key);
        }

        foreach (string name in forged ?? [])
            headers.Remove(name);
    }

    private static void Append(IHeaderDictionary headers, string name, string value) =>
        headers[name] = headers.TryGetValue(name, out StringValues before) && !StringValues.IsNullOrEmpty(before) ? $"{string.Join(',', before!)},{value}" : value;

    private static string Text(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
}

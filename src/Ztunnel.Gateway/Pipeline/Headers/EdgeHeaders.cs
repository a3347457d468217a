using System.Collections.Frozen;
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

    private const string ClientCertificate = "x-forwarded-client-cert";

    /// <summary>Headers that the mesh gives a meaning to and that a client outside could forge, beside all of <c>x-envoy-</c>.</summary>
    private static readonly FrozenSet<string> Internal = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        ClientCertificate, ForwardedProto, ForwardedHost, "x-forwarded-port", "x-istio-attributes", "baggage-istio");

    /// <summary>Prepares a request's headers for being sent on.</summary>
    public static void Prepare(HttpRequest request, Entry entry, RequestIds ids)
    {
        IHeaderDictionary headers = request.Headers;
        foreach (string? line in headers.Connection)
            HopHeaders.RemoveNamed(headers, line);
        if (entry is Entry.Listener)
        {
            Distrust(headers);
            Append(headers, ForwardedFor, Text(entry.Client.Address));
            headers[ForwardedProto] = entry.Scheme;
            if (request.Host.HasValue)
                headers[ForwardedHost] = request.Host.Value;
        }
        else
        {
            headers.Remove(ClientCertificate);
            if (!headers.ContainsKey(ForwardedProto))
                headers[ForwardedProto] = entry.Scheme;
        }

        if (StringValues.IsNullOrEmpty(headers[RequestId]))
            headers[RequestId] = ids.Next();
    }

    private static void Distrust(IHeaderDictionary headers)
    {
        List<string>? forged = null;
        foreach (KeyValuePair<string, StringValues> header in headers)
        {
            if (IsInternal(header.Key))
                (forged ??= []).Add(header.Key);
        }

        foreach (string name in forged ?? [])
            headers.Remove(name);
    }

    /// <summary>Whether only the mesh may say that. To many backends (CGI, WSGI) an underscore is the same as a dash.</summary>
    private static bool IsInternal(string name)
    {
        string dashed = name;
        if (name.Contains('_', StringComparison.Ordinal))
        {
            dashed = name.Replace('_', '-');
            if (dashed.Equals(ForwardedFor, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return dashed.StartsWith("x-envoy-", StringComparison.OrdinalIgnoreCase) || Internal.Contains(dashed);
    }

    private static void Append(IHeaderDictionary headers, string name, string value) =>
        headers[name] = headers.TryGetValue(name, out StringValues before) && !StringValues.IsNullOrEmpty(before) ? $"{string.Join(',', before!)},{value}" : value;

    private static string Text(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();
}

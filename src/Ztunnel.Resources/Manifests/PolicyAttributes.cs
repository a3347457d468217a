using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The attributes that rules of AuthorizationPolicies look at, and what their values may be (istio.io, Authorization Policy and its Conditions).</summary>
internal static class PolicyAttributes
{
    /// <summary>The attributes of <c>source</c>, without their <c>not</c>.</summary>
    public static readonly IReadOnlyList<string> OfSources =
        ["principals", "requestPrincipals", "namespaces", "serviceAccounts", "trustDomains", "ipBlocks", "remoteIpBlocks"];

    /// <summary>The attributes of <c>operation</c>, without their <c>not</c>.</summary>
    public static readonly IReadOnlyList<string> OfOperations = ["hosts", "ports", "methods", "paths"];

    private static readonly FrozenSet<string> Keys = FrozenSet.Create(
        StringComparer.Ordinal,
        "source.ip", "source.namespace", "source.serviceAccount", "source.principal", "source.trustDomain", "remote.ip",
        "destination.ip", "destination.port", "connection.sni",
        "request.auth.principal", "request.auth.audiences", "request.auth.presenter");

    private static readonly string[] MapKeys = ["request.headers", "request.auth.claims", "experimental.envoy.filters."];

    /// <summary>The field that demands the opposite of an attribute: <c>notPorts</c>.</summary>
    public static string Not(string attribute) => $"not{char.ToUpperInvariant(attribute[0])}{attribute[1..]}";

    /// <summary>What is wrong with the key of a condition; null if nothing.</summary>
    public static string? KeyFault(string key)
    {
        if (Keys.Contains(key))
            return null;
        if (!Array.Exists(MapKeys, known => key.StartsWith(known, StringComparison.Ordinal)))
            return $"must be one of {string.Join(", ", Keys.Order(StringComparer.Ordinal))}, or request.headers, request.auth.claims or experimental.envoy.filters.* with a name in brackets";
        int open = key.IndexOf('[', StringComparison.Ordinal);
        return key.EndsWith(']') && open > 0 && open < key.Length - 2 ? null : "must have the form a[b]";
    }

    /// <summary>What is wrong with a value of an attribute; null if nothing.</summary>
    public static string? ValueFault(string attribute, string value) => attribute switch
    {
        "principals" or "source.principal" or "namespaces" or "source.namespace" => TextPattern.Fault(value),
        "trustDomains" or "source.trustDomain" => value.Contains('/', StringComparison.Ordinal) ? "may hold no /" : TextPattern.Fault(value),
        "serviceAccounts" or "source.serviceAccount" => ServiceAccountFault(value),
        "ipBlocks" or "remoteIpBlocks" or "source.ip" or "remote.ip" or "destination.ip" =>
            Range(value) is null ? "must be an IP address or a range such as 10.0.0.0/8" : null,
        "paths" => PathPattern.Fault(value),
        "ports" or "destination.port" => Port(value) is null ? "must be a number from 0 to 65535" : null,
        _ => null,
    };

    /// <summary>The addresses that <c>10.0.0.1</c> or <c>10.0.0.0/8</c> names; null for what is neither.</summary>
    public static AddressRange? Range(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string address = slash < 0 ? text : text[..slash];
        // The address in the family it is written in, which the length of the prefix is counted in.
        if (KubernetesSyntax.TryAddress(address) is null || !IPAddress.TryParse(address, out IPAddress? written))
            return null;
        if (slash < 0)
            return new AddressRange(written);
        int bits = written.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        bool sound = int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= bits;
        return sound ? new AddressRange(written, length) : null;
    }

    /// <summary>The port that a decimal number names; null for what is none.</summary>
    public static ushort? Port(string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) ? port : null;

    private static string? ServiceAccountFault(string value)
    {
        bool sound = !value.Contains('*', StringComparison.Ordinal) && value.Split('/') is [{ Length: > 0 }] or [{ Length: > 0 }, { Length: > 0 }];
        return sound ? null : "must be a service account or namespace/service-account, without *";
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Proxy;

/// <summary>The <c>:authority</c> of a CONNECT request (RFC 9113 section 8.5): where the tunnel is to lead.</summary>
internal static class Authority
{
    /// <summary>
    /// Reads <c>a.b.c.d:port</c> or <c>[v6]:port</c>. False for anything else, host names included: what has no address is
    /// a waypoint's business, not a workload's.
    /// </summary>
    public static bool TryParseAddress(string authority, [NotNullWhen(true)] out IPEndPoint? address)
    {
        address = null;
        int colon = authority.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
            return false;

        ReadOnlySpan<char> host = authority.AsSpan(0, colon);
        bool bracketed = host is ['[', .., ']'];
        if (bracketed)
            host = host[1..^1];
        if (!IPAddress.TryParse(host, out IPAddress? ip) || bracketed != (ip.AddressFamily == AddressFamily.InterNetworkV6))
            return false;

        address = new IPEndPoint(ip.IsIPv4MappedToIPv6 ? ip.MapToIPv4() : ip, port);
        return true;
    }
}

using System.Net;

namespace Ztunnel.Capture;

/// <summary>The addresses that probes come from with <see cref="ProbePath.LinkLocal"/>: Istio's, so that network policies made for it fit.</summary>
public static class ProbeSource
{
    /// <summary>In IPv4, of the range that no router forwards (RFC 3927).</summary>
    public static IPAddress IPv4 { get; } = IPAddress.Parse("169.254.7.127");

    /// <summary>In IPv6, of the range for local use (RFC 4193), as link-local addresses of IPv6 reach no further than one link.</summary>
    public static IPAddress IPv6 { get; } = IPAddress.Parse("fd16:9254:7127:1337:ffff:ffff:ffff:ffff");
}

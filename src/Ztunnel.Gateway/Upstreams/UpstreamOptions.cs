using Ztunnel.Hbone;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>How a gateway connects to what is behind it.</summary>
public sealed record UpstreamOptions
{
    /// <summary>How long a TCP connect may take, and a TLS handshake.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection is kept without a request.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Most kilobytes of an answer's header fields together.</summary>
    public int ResponseHeaderKilobytes { get; init; } = 64;

    /// <summary>Socket options of connections to services and their nodes.</summary>
    public TcpOptions Transport { get; init; } = new();

    /// <summary>HTTP/2 behaviour of tunnels.</summary>
    public HboneOptions Hbone { get; init; } = HboneOptions.Default;
}

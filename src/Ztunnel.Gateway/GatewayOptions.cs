using Ztunnel.Hbone;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>How a gateway behaves.</summary>
public sealed record GatewayOptions
{
    /// <summary>The network namespace of the gateway's pod, in which it listens and connects; null for that of this process.</summary>
    public NetworkNamespace? Namespace { get; init; }

    /// <summary>What one client may take of it.</summary>
    public HttpLimits Limits { get; init; } = new();

    /// <summary>How it connects to what is behind it.</summary>
    public UpstreamOptions Upstreams { get; init; } = new();

    /// <summary>Socket options of clients' connections.</summary>
    public TcpOptions Clients { get; init; } = new() { KeepAliveIdle = TimeSpan.FromSeconds(60), KeepAliveInterval = TimeSpan.FromSeconds(20) };

    /// <summary>How long a client's TLS handshake may take.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>HTTP/2 behaviour of the tunnels that a waypoint takes.</summary>
    public HboneOptions Hbone { get; init; } = HboneOptions.Default;

    /// <summary>How long something that is no HTTP may carry nothing.</summary>
    public TimeSpan RelayIdleTimeout { get; init; } = TimeSpan.FromHours(1);
}

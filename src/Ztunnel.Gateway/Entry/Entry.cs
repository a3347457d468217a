using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>How a connection came to the gateway: what its requests are judged and routed by, beside what they say themselves.</summary>
public abstract record Entry
{
    private Entry()
    {
    }

    /// <summary>Who connected.</summary>
    public required IPEndPoint Client { get; init; }

    /// <summary>What the client connected with, <c>https</c> or <c>http</c>, whatever it says itself.</summary>
    public string Scheme => this is Listener { Tls: true } ? "https" : "http";

    /// <summary>Through a listener of an ingress gateway.</summary>
    /// <param name="Port">The listener's port.</param>
    /// <param name="ServerName">The name asked for in the TLS handshake, lower case; null for plaintext and where none was named.</param>
    /// <param name="Tls">Whether the connection is encrypted.</param>
    public sealed record Listener(ushort Port, string? ServerName, bool Tls) : Entry;

    /// <summary>Through a tunnel to a waypoint.</summary>
    /// <param name="Peer">Who opened the tunnel, as its certificate proves.</param>
    /// <param name="Destination">The address the client asked for.</param>
    /// <param name="Service">The service that address is, or null for a workload's own.</param>
    public sealed record Tunnel(SpiffeId Peer, IPEndPoint Destination, Service? Service) : Entry;
}

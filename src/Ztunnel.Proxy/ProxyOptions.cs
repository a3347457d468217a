using System.Net;
using Ztunnel.Hbone;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>How a node's data path behaves.</summary>
public sealed record ProxyOptions
{
    /// <summary>How long a TCP connect may take, towards an application or a peer's HBONE port.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a TLS handshake may take.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long tunnels may go on with a peer whose root was taken out of the trust bundle. No new ones are made on that
    /// connection meanwhile.
    /// </summary>
    public TimeSpan WithdrawnRootPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How many endpoints of a service are tried for one connection before the client is refused.</summary>
    public int EndpointAttempts { get; init; } = 3;

    /// <summary>When an endpoint that cannot be connected to is passed over, and for how long.</summary>
    public EjectionOptions Ejection { get; init; } = new();

    /// <summary>
    /// Socket options of connections to and from applications. They are redirected, so they live only as long as their entry
    /// in the connection tracker, which the kernel drops 60 s after the last packet of a half-closed one: keepalive comes first.
    /// </summary>
    public TcpOptions Application { get; init; } = new()
    {
        Mark = CaptureContract.SocketMark,
        KeepAliveIdle = TimeSpan.FromSeconds(45),
        KeepAliveInterval = TimeSpan.FromSeconds(15),
    };

    /// <summary>Socket options of connections that carry tunnels: little unsent data in the kernel, so that one tunnel's bulk does not delay another's bytes.</summary>
    public TcpOptions Transport { get; init; } = new() { Mark = CaptureContract.SocketMark, NotSentLowWater = 128 * 1024 };

    /// <summary>
    /// How long a connection may carry nothing once one side has ended before it is broken off; <see cref="Timeout.InfiniteTimeSpan"/>
    /// for ever. Keepalive keeps both sides and the connection tracker content, so nothing else ends what an application forgot
    /// to close; an hour is longer than anybody was seen to compute an answer in silence.
    /// </summary>
    public TimeSpan HalfClosedTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>What each pod may take of the node.</summary>
    public WorkloadLimits Limits { get; init; } = new();

    /// <summary>How connections get from one pod of this node to another.</summary>
    public SameNodePath SameNode { get; init; }

    /// <summary>
    /// Whether an address is the node's own, whose plaintext is let in whatever policy demands of it: the kubelet's probes, where
    /// nothing better tells them apart. Called on the loops. Nobody's by default.
    /// </summary>
    public Predicate<IPAddress> IsTrustedNode { get; init; } = static _ => false;

    /// <summary>HTTP/2 behaviour of tunnels, both as client and as server.</summary>
    public HboneOptions Hbone { get; init; } = HboneOptions.Default;

    /// <summary>Whether open connections that a change of policy would not let in any more are cut; otherwise they go on.</summary>
    public bool PolicyCutsOpenConnections { get; init; } = true;
}

namespace Ztunnel.IO;

/// <summary>
/// What a TCP socket is made with. On a listener the options apply to every connection it accepts: Linux copies them from
/// the listening socket, so accepting costs no further calls.
/// </summary>
public sealed record TcpOptions
{
    /// <summary>Silence after which the kernel begins to probe the peer (TCP_KEEPIDLE), in whole seconds; zero for no keepalive.</summary>
    public TimeSpan KeepAliveIdle { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>Time between probes (TCP_KEEPINTVL), in whole seconds.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(180);

    /// <summary>Unanswered probes after which the connection has failed with <see cref="FailureKind.TimedOut"/> (TCP_KEEPCNT).</summary>
    public int KeepAliveProbes { get; init; } = 9;

    /// <summary>Sends small segments at once (TCP_NODELAY). Default true: a relay must not add the delay the application turned off.</summary>
    public bool NoDelay { get; init; } = true;

    /// <summary>Firewall mark on every packet (SO_MARK), or null. Needs CAP_NET_ADMIN.</summary>
    public int? Mark { get; init; }

    /// <summary>Allows addresses that are not ours (IP_TRANSPARENT, IPV6_TRANSPARENT). Needs CAP_NET_ADMIN.</summary>
    public bool Transparent { get; init; }

    /// <summary>Leaves the choice of the source port to connect, where it may be shared by destinations (IP_BIND_ADDRESS_NO_PORT).</summary>
    public bool BindAddressNoPort { get; init; }

    /// <summary>Bytes not yet sent above which the socket is not writable (TCP_NOTSENT_LOWAT), or null for the kernel's setting.</summary>
    public int? NotSentLowWater { get; init; }

    /// <summary>Send buffer in bytes (SO_SNDBUF), or null to let the kernel tune it. The kernel doubles the number.</summary>
    public int? SendBuffer { get; init; }

    /// <summary>Receive buffer in bytes (SO_RCVBUF), or null to let the kernel tune it. The kernel doubles the number.</summary>
    public int? ReceiveBuffer { get; init; }
}

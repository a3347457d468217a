namespace Ztunnel.Mesh;

/// <summary>How much may be under way to a port of a service, over all its endpoints; null means without end (<c>connectionPool</c>).</summary>
public sealed record ConnectionPool
{
    /// <summary>Most connections (<c>tcp.maxConnections</c>).</summary>
    public int? MaxConnections { get; init; }

    /// <summary>How long a connect may take (<c>tcp.connectTimeout</c>); null for the gateway's own.</summary>
    public TimeSpan? ConnectTimeout { get; init; }

    /// <summary>How long a connection that is no HTTP may carry nothing (<c>tcp.idleTimeout</c>); null for the gateway's own.</summary>
    public TimeSpan? TcpIdleTimeout { get; init; }

    /// <summary>How old a connection may become (<c>tcp.maxConnectionDuration</c>).</summary>
    public TimeSpan? MaxConnectionDuration { get; init; }

    /// <summary>When the kernel looks whether the other side is still there (<c>tcp.tcpKeepalive</c>); null for the gateway's own.</summary>
    public TcpKeepAlive? KeepAlive { get; init; }

    /// <summary>Most requests that wait for a connection (<c>http.http1MaxPendingRequests</c>).</summary>
    public int? MaxPendingRequests { get; init; }

    /// <summary>Most requests under way (<c>http.http2MaxRequests</c>, whatever the protocol).</summary>
    public int? MaxRequests { get; init; }

    /// <summary>Most requests over one connection (<c>http.maxRequestsPerConnection</c>).</summary>
    public int? MaxRequestsPerConnection { get; init; }

    /// <summary>Most tries under way that are not the first (<c>http.maxRetries</c>).</summary>
    public int? MaxRetries { get; init; }

    /// <summary>How long a connection is kept without a request (<c>http.idleTimeout</c>); null for the gateway's own.</summary>
    public TimeSpan? HttpIdleTimeout { get; init; }

    /// <summary>Whether HTTP/1.1 is sent on as HTTP/2 (<c>http.h2UpgradePolicy: UPGRADE</c>).</summary>
    public bool UpgradeToHttp2 { get; init; }
}

/// <summary>When the kernel looks whether the other side of a connection is still there; null for the gateway's own.</summary>
/// <param name="Probes">How many looks without an answer end the connection.</param>
/// <param name="Idle">How long nothing has come before the first (<c>time</c>).</param>
/// <param name="Interval">From one to the next.</param>
public sealed record TcpKeepAlive(int? Probes, TimeSpan? Idle, TimeSpan? Interval);

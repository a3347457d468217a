using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Ztunnel.Gateway;

/// <summary>What one client may take of a gateway.</summary>
public sealed record HttpLimits
{
    /// <summary>Most bytes of a request's header fields together; more is answered with 431.</summary>
    public int HeaderBytes { get; init; } = 60 * 1024;

    /// <summary>Most header fields of a request.</summary>
    public int HeaderCount { get; init; } = 200;

    /// <summary>Most bytes of a request line; more is answered with 414.</summary>
    public int RequestLineBytes { get; init; } = 16 * 1024;

    /// <summary>How long a request's header may take to arrive, from its first byte on.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a connection may be open without a request, before the first and between two.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>How long a request may go on without a byte in either direction.</summary>
    public TimeSpan StreamIdleTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Most requests under way on one HTTP/2 connection.</summary>
    public int StreamsPerConnection { get; init; } = 250;

    /// <summary>Most clients' connections at once, counted from accept; 0 for no limit. The next is closed at once.</summary>
    public int Connections { get; init; } = 20_000;

    /// <summary>
    /// How many bytes a second the body of an HTTP/1.1 request has to come with on average while it is waited for, after
    /// <see cref="BodyGrace"/>; 0 for no limit. Over HTTP/2, where a slow stream takes no connection of its own and calls of gRPC may
    /// last for days, only <see cref="StreamIdleTimeout"/> counts.
    /// </summary>
    public int BodyRate { get; init; } = 100;

    /// <summary>How long a body may be slower than that.</summary>
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(30);

    internal void ApplyTo(KestrelServerLimits limits)
    {
        limits.MaxRequestHeadersTotalSize = HeaderBytes;
        limits.MaxRequestHeaderCount = HeaderCount;
        limits.MaxRequestLineSize = RequestLineBytes;
        limits.RequestHeadersTimeout = HeaderTimeout;
        limits.KeepAliveTimeout = IdleTimeout;
        // Those that have said nothing yet count too, so it is not the server that counts.
        limits.MaxConcurrentConnections = null;
        limits.MaxConcurrentUpgradedConnections = null;
        // A body is as large as the service behind allows. How slow it may be is said with each request.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        limits.Http2.MaxStreamsPerConnection = StreamsPerConnection;
        limits.Http2.MaxRequestHeaderFieldSize = HeaderBytes;
        limits.Http2.InitialConnectionWindowSize = 1024 * 1024;
        limits.Http2.InitialStreamWindowSize = 256 * 1024;
    }
}

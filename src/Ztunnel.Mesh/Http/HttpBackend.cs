namespace Ztunnel.Mesh;

/// <summary>Where a share of a rule's requests goes.</summary>
public sealed record HttpBackend
{
    /// <summary>The service; null only where <see cref="Fault"/> is not.</summary>
    public ServiceName? Service { get; init; }

    /// <summary>The service's port, by number.</summary>
    public ushort Port { get; init; }

    /// <summary>Its share, relative to the sum over its siblings; 0 gets nothing.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>Why it cannot be used, in one line: its share of requests is answered with 500. Null when nothing is wrong.</summary>
    public string? Fault { get; init; }

    /// <summary>What is spoken to it.</summary>
    public BackendProtocol Protocol { get; init; }

    /// <summary>What is done when this backend is chosen, after the filters of the rule.</summary>
    public ValueArray<HttpFilter> Filters { get; init; } = [];
}

/// <summary>What is spoken to a backend (a Service port's <c>appProtocol</c>).</summary>
public enum BackendProtocol
{
    /// <summary>HTTP/1.1, also for upgrades such as WebSocket.</summary>
    Http1,

    /// <summary>HTTP/2 without TLS (<c>kubernetes.io/h2c</c>), and what gRPC is.</summary>
    Http2,

    /// <summary>WebSocket is expected (<c>kubernetes.io/ws</c>).</summary>
    WebSocket,

    /// <summary>WebSocket over TLS is expected (<c>kubernetes.io/wss</c>).</summary>
    SecureWebSocket,
}

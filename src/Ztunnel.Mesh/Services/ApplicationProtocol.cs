namespace Ztunnel.Mesh;

/// <summary>What is spoken on a port, as far as its Service says.</summary>
public enum ApplicationProtocol
{
    /// <summary>Nobody says, or nobody knows what is said.</summary>
    Unknown,

    /// <summary>HTTP/1.1.</summary>
    Http1,

    /// <summary>HTTP/2 without TLS.</summary>
    Http2,

    /// <summary>WebSocket over HTTP/1.1.</summary>
    WebSocket,

    /// <summary>WebSocket over TLS.</summary>
    SecureWebSocket,

    /// <summary>Something that is none of the mesh's business, TLS among it: it is relayed as it is.</summary>
    Opaque,
}

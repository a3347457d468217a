namespace Ztunnel.Mesh;

/// <summary>One listener of a Gateway for HTTP, in the clear or over TLS.</summary>
public sealed record HttpListener : ServedListener
{
    /// <summary>Whether it terminates TLS.</summary>
    public bool Tls { get; init; }

    /// <summary>The routes attached to it.</summary>
    public HttpRouteTable Routes { get; init; } = HttpRouteTable.Empty;

    /// <inheritdoc/>
    public override WireProtocol Wire => Tls ? WireProtocol.Tls : WireProtocol.Http;
}

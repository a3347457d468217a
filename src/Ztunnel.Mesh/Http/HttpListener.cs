namespace Ztunnel.Mesh;

/// <summary>One listener of a Gateway for HTTP. Immutable, compared by content.</summary>
public sealed record HttpListener
{
    /// <summary>The Gateway it is of.</summary>
    public required GatewayName Gateway { get; init; }

    /// <summary>Other Gateways with a listener for the same port and hosts, served as one with this: the policies of each hold.</summary>
    public ValueArray<GatewayName> SharedWith { get; init; } = [];

    /// <summary>Its name, unique in the Gateway.</summary>
    public required string Name { get; init; }

    /// <summary>The port it listens on.</summary>
    public required ushort Port { get; init; }

    /// <summary>Whether it terminates TLS.</summary>
    public bool Tls { get; init; }

    /// <summary>The hosts it is for.</summary>
    public HostnamePattern Hostname { get; init; }

    /// <summary>What it shows clients, by the name they ask for and the kinds of keys they know; none without TLS.</summary>
    public ValueArray<ListenerCertificate> Certificates { get; init; } = [];

    /// <summary>The routes attached to it.</summary>
    public HttpRouteTable Routes { get; init; } = HttpRouteTable.Empty;
}

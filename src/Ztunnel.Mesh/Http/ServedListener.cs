namespace Ztunnel.Mesh;

/// <summary>One listener of a Gateway that can be served. Immutable, compared by content.</summary>
public abstract record ServedListener
{
    private protected ServedListener()
    {
    }

    /// <summary>The Gateway it is of.</summary>
    public required GatewayName Gateway { get; init; }

    /// <summary>Other Gateways with a listener for the same port and hosts, served as one with this: the policies of each hold.</summary>
    public ValueArray<GatewayName> SharedWith { get; init; } = [];

    /// <summary>Its name, unique in the Gateway.</summary>
    public required string Name { get; init; }

    /// <summary>The port it listens on.</summary>
    public required ushort Port { get; init; }

    /// <summary>The hosts it is for.</summary>
    public HostnamePattern Hostname { get; init; }

    /// <summary>What it shows clients, by the name they ask for and the kinds of keys they know; none where it does not terminate TLS.</summary>
    public ValueArray<ListenerCertificate> Certificates { get; init; } = [];

    /// <summary>What clients begin with: listeners share a port where that is the same.</summary>
    public abstract WireProtocol Wire { get; }
}

/// <summary>What is spoken first on a port.</summary>
public enum WireProtocol
{
    /// <summary>HTTP in the clear.</summary>
    Http,

    /// <summary>TLS: whom a connection is for is known by its server name.</summary>
    Tls,

    /// <summary>Anything, perhaps by the server.</summary>
    Tcp,
}

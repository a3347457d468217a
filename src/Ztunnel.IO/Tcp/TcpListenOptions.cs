namespace Ztunnel.IO;

/// <summary>What a <see cref="TcpListener"/> is made with.</summary>
public sealed record TcpListenOptions
{
    /// <summary>Options of the connections accepted; <see cref="TcpOptions.Transparent"/> also lets the listener take what tproxy sends it.</summary>
    public TcpOptions Connection { get; init; } = new();

    /// <summary>Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn.</summary>
    public int Backlog { get; init; } = 4096;

    /// <summary>Shares the port with other listeners that say so too (SO_REUSEPORT).</summary>
    public bool ReusePort { get; init; }
}

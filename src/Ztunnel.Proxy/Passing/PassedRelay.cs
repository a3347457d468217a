using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>A relay between two sockets on its way to another process: the sockets, what is in flight between them, and the counts.</summary>
public sealed class PassedRelay : IDisposable
{
    /// <summary>The client's socket.</summary>
    public SafeFileHandle? Client { get; set; }

    /// <summary>The server's socket.</summary>
    public SafeFileHandle? Server { get; set; }

    /// <summary>What the client sent and the server has not taken; null for nothing.</summary>
    public PassedPipe? ToServer { get; set; }

    /// <summary>What the server sent and the client has not taken; null for nothing.</summary>
    public PassedPipe? ToClient { get; set; }

    /// <summary>Bytes that the server took.</summary>
    public required long BytesToServer { get; init; }

    /// <summary>Bytes that the client took.</summary>
    public required long BytesToClient { get; init; }

    /// <summary>The descriptors in the order in which they are passed: the sockets, then the ends of each pipe there is.</summary>
    public IEnumerable<SafeFileHandle> Descriptors =>
        new[] { Client, Server, ToServer?.ReadEnd, ToServer?.WriteEnd, ToClient?.ReadEnd, ToClient?.WriteEnd }.OfType<SafeFileHandle>();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafeFileHandle descriptor in Descriptors)
            descriptor.Dispose();
    }
}

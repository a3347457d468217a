using System.Collections.Concurrent;
using System.Net;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>Listening sockets in pods' namespaces that an earlier agent passed on: each is used once, in place of a new one.</summary>
public sealed class InheritedListeners : IDisposable
{
    private readonly ConcurrentDictionary<(ulong NetworkNamespace, IPEndPoint Address), SafeFileHandle> _listeners = new();

    /// <summary>Adds one.</summary>
    /// <param name="networkNamespace">The namespace it is in, by <see cref="NetworkNamespace.Inode"/>.</param>
    /// <param name="address">What it listens on.</param>
    /// <param name="listener">The socket.</param>
    public void Add(ulong networkNamespace, IPEndPoint address, SafeFileHandle listener) => _listeners[(networkNamespace, address)] = listener;

    /// <summary>Closes those that nobody had use for.</summary>
    public void Dispose()
    {
        foreach ((ulong, IPEndPoint) key in _listeners.Keys)
            Take(key)?.Dispose();
    }

    /// <summary>The one for an address in a namespace, which is the caller's from now on; null when there is none.</summary>
    internal SafeFileHandle? Take((ulong NetworkNamespace, IPEndPoint Address) key) => _listeners.TryRemove(key, out SafeFileHandle? listener) ? listener : null;
}

/// <summary>A pod's listening socket as it is passed on.</summary>
/// <param name="NetworkNamespace">The namespace it is in, by <see cref="NetworkNamespace.Inode"/>.</param>
/// <param name="Address">What it listens on.</param>
/// <param name="Socket">The socket; the receiver's to close.</param>
public sealed record SharedListener(ulong NetworkNamespace, IPEndPoint Address, SafeFileHandle Socket);

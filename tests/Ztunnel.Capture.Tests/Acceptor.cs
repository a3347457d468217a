using System.Net;
using System.Threading.Channels;
using Ztunnel.IO;

namespace Ztunnel.Capture.Tests;

/// <summary>A listener that keeps what it accepts until asked.</summary>
internal sealed class Acceptor : IDisposable
{
    private readonly TcpListener _listener;
    private readonly Channel<TcpConnection> _accepted = System.Threading.Channels.Channel.CreateUnbounded<TcpConnection>();

    public Acceptor(EventLoop loop, NetworkNamespace ns, IPEndPoint address)
    {
        _listener = TcpListener.Listen(ns, address, new TcpListenOptions());
        _listener.Start(loop, [loop], connection => _accepted.Writer.TryWrite(connection));
    }

    /// <summary>How many were accepted and not taken.</summary>
    public int Waiting => _accepted.Reader.Count;

    /// <summary>The next connection.</summary>
    public async Task<TcpConnection> Next()
    {
        using var deadline = new CancellationTokenSource(World.Patience);
        return await _accepted.Reader.ReadAsync(deadline.Token);
    }

    public void Dispose() => _listener.Dispose();
}

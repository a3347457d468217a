using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A listening socket of the test's own inside a pod, for both address families.</summary>
internal sealed class PodListener : IDisposable
{
    private readonly Socket _socket;

    private PodListener(LabHost host, Socket socket)
    {
        Host = host;
        _socket = socket;
    }

    public LabHost Host { get; }

    public int Port => ((IPEndPoint)_socket.LocalEndPoint!).Port;

    /// <summary>Listens on a port of the kernel's choice, or on <paramref name="port"/>; on all addresses unless told which.</summary>
    public static PodListener Start(LabHost host, int port = 0, IPAddress? address = null) => host.NetworkNamespace.Run(() =>
    {
        address ??= IPAddress.IPv6Any;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (address.Equals(IPAddress.IPv6Any))
            socket.DualMode = true;
        socket.Bind(new IPEndPoint(address, port));
        socket.Listen();
        return new PodListener(host, socket);
    });

    public Task<Socket> Accept() => AcceptAnytime().WaitAsync(MeshLab.Patience);

    /// <summary>Accepts without a deadline: for a server that waits until it is disposed of.</summary>
    public async Task<Socket> AcceptAnytime()
    {
        Socket accepted = await _socket.AcceptAsync();
        accepted.NoDelay = true;
        return accepted;
    }

    public void Dispose() => _socket.Dispose();
}

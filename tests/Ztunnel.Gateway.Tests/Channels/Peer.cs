using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Gateway.Tests;

/// <summary>A connection between a socket of the system's and a channel of a loop.</summary>
internal sealed class Peer : IDisposable
{
    private Peer(EventLoop loop, Socket socket, Channel channel)
    {
        Loop = loop;
        Socket = socket;
        Channel = channel;
    }

    public EventLoop Loop { get; }

    public Socket Socket { get; }

    public Channel Channel { get; }

    public static async Task<Peer> Connect()
    {
        EventLoop loop = EventLoop.Start(0);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task<Socket> accepted = listener.AcceptAsync();
        TcpConnection channel = await loop.RunAsync(async () => await TcpConnection.ConnectAsync(
            loop, null, null, (IPEndPoint)listener.LocalEndPoint!, new TcpOptions { SendBuffer = 64 * 1024 }, TimeSpan.FromSeconds(10)));
        return new Peer(loop, await accepted, channel);
    }

    public void Dispose()
    {
        Socket.Dispose();
        Loop.Dispose();
    }
}

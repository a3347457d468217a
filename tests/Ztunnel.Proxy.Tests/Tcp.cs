using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Proxy.Tests;

/// <summary>Connections over loopback for tests.</summary>
internal static class Tcp
{
    /// <summary>Both ends of a connection, the client's on one loop and the server's on another or the same.</summary>
    public static async Task<(TcpConnection Client, TcpConnection Server)> Connect(EventLoop clients, EventLoop servers)
    {
        using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        var accepted = new TaskCompletionSource<TcpConnection>(TaskCreationOptions.RunContinuationsAsynchronously);
        listener.Start(servers, [servers], accepted.SetResult);
        TcpConnection client = await clients.RunAsync(async () => await TcpConnection.ConnectAsync(
            clients, null, null, listener.LocalEndPoint, new TcpOptions(), TimeSpan.FromSeconds(10)));
        return (client, await accepted.Task);
    }
}

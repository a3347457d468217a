using System.Net.Sockets;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// A web server in a pod, or on a node, that answers each request with its name and the client's address, and ends the connection as
/// HTTP/1.0 does.
/// </summary>
internal sealed class PodHttpServer : IAsyncDisposable
{
    private readonly PodListener _listener;
    private readonly Task _serving;

    private PodHttpServer(PodListener listener)
    {
        _listener = listener;
        _serving = Serve();
    }

    public static PodHttpServer Start(LabHost host, int port) => new(PodListener.Start(host, port));

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
    }

    private async Task Serve()
    {
        while (true)
        {
            try
            {
                using Socket client = await _listener.AcceptAnytime();
                await Answer(client);
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.OperationAborted)
            {
                return;
            }
        }
    }

    private async Task Answer(Socket client)
    {
        var request = new StringBuilder();
        while (!request.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            string next = await client.ReceiveText("x");
            if (next.Length == 0)
                return;
            request.Append(next);
        }

        await client.SendText($"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{(_listener.Host is LabPod pod ? pod.Name : ((LabNode)_listener.Host).Name)} {client.Remote().Address}");
        client.Shutdown(SocketShutdown.Send);
        await client.ReceiveToEnd();
    }
}

using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Both ends of one connection between two pods, in the test's hands.</summary>
internal sealed class PodConnection : IDisposable
{
    private PodConnection(Socket client, Socket server, int port)
    {
        Client = client;
        Server = server;
        Port = port;
    }

    public Socket Client { get; }

    public Socket Server { get; }

    /// <summary>The port the server listened on; in no other connection of the lab, unless the test chose it.</summary>
    public int Port { get; }

    /// <summary>Connects to a listener of its own on <paramref name="to"/>, by its IPv4 address unless told which.</summary>
    public static async Task<PodConnection> Open(LabHost from, LabHost to, IPAddress? address = null)
    {
        using PodListener listener = PodListener.Start(to);
        return await Open(from, listener, address ?? to.IPv4, listener.Port);
    }

    public static async Task<PodConnection> Open(LabHost from, PodListener listener, IPAddress address, int port)
    {
        Socket client = await PodSocket.Connect(from, address, port);
        try
        {
            return new PodConnection(client, await listener.Accept(), listener.Port);
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    /// <summary>One exchange each way.</summary>
    public async Task Exchange(string request = "ping", string answer = "pong")
    {
        await Client.SendText(request);
        Assert.Equal(request, await Server.ReceiveText(request));
        await Server.SendText(answer);
        Assert.Equal(answer, await Client.ReceiveText(answer));
    }

    /// <summary>Ends both directions in order, the client's first.</summary>
    public async Task Close()
    {
        Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await Server.ReceiveToEnd());
        Server.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await Client.ReceiveToEnd());
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Dispose();
    }
}

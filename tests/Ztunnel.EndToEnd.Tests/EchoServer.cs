using System.Net;
using System.Net.Sockets;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// An application in a pod, on port 8080 or another, of both families. It greets each client with <c>NAME ADDRESS</c>, its own pod's name
/// and the client's address, on a line, then sends back what it gets until the client ends, and ends too.
/// </summary>
internal sealed class EchoServer : IAsyncDisposable
{
    public const int Port = 8080;

    private readonly LabPod _pod;
    private readonly Socket _listener;
    private readonly Task _serving;

    private EchoServer(LabPod pod, Socket listener)
    {
        _pod = pod;
        _listener = listener;
        _serving = Serve();
    }

    public static EchoServer Start(LabPod pod, int port = Port) => new(pod, pod.NetworkNamespace.Run(() =>
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen(4096);
        return socket;
    }));

    /// <summary>Connects from inside a pod. The caller owns the client; fails as the application in the pod would.</summary>
    public static async Task<EchoClient> Connect(LabHost from, IPAddress address, int port = Port)
    {
        Socket socket = from.NetworkNamespace.Run(() => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            await socket.ConnectAsync(address, port).WaitAsync(MeshLab.Patience);
            var client = new EchoClient(socket);
            client.Greeting = await client.ReadLine();
            return client;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Connects, and ends in order when greeted; returns the greeting, or null when the connection failed.</summary>
    public static async Task<string?> Greeting(LabHost from, IPAddress address, int port = Port)
    {
        try
        {
            using EchoClient client = await Connect(from, address, port);
            await client.Close();
            return client.Greeting;
        }
        catch (SocketException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
    }

    private async Task Serve()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = Answer(client);
        }
    }

    private async Task Answer(Socket client)
    {
        using (client)
        {
            try
            {
                IPAddress address = ((IPEndPoint)client.RemoteEndPoint!).Address;
                await client.SendAsync(Encoding.UTF8.GetBytes($"{_pod.Name} {(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address)}\n"));
                byte[] buffer = new byte[4096];
                int count;
                while ((count = await client.ReceiveAsync(buffer)) > 0)
                    await client.SendAsync(buffer.AsMemory(0, count));
                client.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // The client reset it, as some tests do.
            }
        }
    }
}

/// <summary>A client of an <see cref="EchoServer"/>, greeted. Every wait has a deadline.</summary>
internal sealed class EchoClient(Socket socket) : IDisposable
{
    public string Greeting { get; set; } = "";

    public async Task<string> Echo(string line)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(line + "\n")).WaitAsync(MeshLab.Patience);
        return await ReadLine();
    }

    /// <summary>Reads up to a line's end; throws <see cref="SocketException"/> (shutdown) when the connection ends before.</summary>
    public async Task<string> ReadLine()
    {
        var line = new List<byte>();
        byte[] next = new byte[1];
        while (true)
        {
            if (await socket.ReceiveAsync(next).WaitAsync(MeshLab.Patience) == 0)
                throw new SocketException((int)SocketError.Shutdown);
            if (next[0] == (byte)'\n')
                return Encoding.UTF8.GetString([.. line]);
            line.Add(next[0]);
        }
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends, and waits for the server's end.</summary>
    public async Task Close()
    {
        EndSending();
        if (await socket.ReceiveAsync(new byte[1]).WaitAsync(MeshLab.Patience) != 0)
            throw new InvalidOperationException("The server sent more than was asked for.");
    }

    /// <summary>Waits until the connection is over, in whatever way.</summary>
    public async Task UntilOver()
    {
        try
        {
            while (await socket.ReceiveAsync(new byte[1024]).WaitAsync(MeshLab.Patience) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Over.
        }
    }

    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    public void Dispose() => socket.Dispose();
}

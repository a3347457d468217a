using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Sockets of the test's own inside pods, and what tests say about them. Every wait has a deadline.</summary>
internal static class PodSocket
{
    /// <summary>What a refusal may take on a busy machine: less than the kernel needs to find a neighbour absent (3 s).</summary>
    public static readonly TimeSpan Promptly = TimeSpan.FromSeconds(2);

    /// <summary>Connects from inside <paramref name="from"/>.</summary>
    public static async Task<Socket> Connect(LabHost from, IPAddress address, int port)
    {
        Socket socket = Create(from, address);
        try
        {
            await socket.ConnectAsync(address, port).WaitAsync(MeshLab.Patience);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Tries to talk to an address that should not answer, and returns what the client sees, on connecting or after, and when.
    /// A captured connection is accepted before anybody can know that it leads nowhere.
    /// </summary>
    public static async Task<FailedConnection> Fail(LabPod from, IPAddress address, int port, string? payload = null)
    {
        using Socket socket = Create(from, address);
        // Bound first, because the port of a connection that was reset cannot be asked for.
        socket.Bind(new IPEndPoint(address.Equals(IPAddress.Loopback) ? address : from.AddressOf(address.AddressFamily), 0));
        IPEndPoint local = socket.Local();
        long started = Stopwatch.GetTimestamp();
        try
        {
            await socket.ConnectAsync(address, port).WaitAsync(MeshLab.Patience);
            if (payload is not null)
                await socket.SendText(payload);
            string answer = await socket.ReceiveToEnd();
            throw new InvalidOperationException($"{from} reached {address}:{port} and got '{answer}'.");
        }
        catch (SocketException e)
        {
            return new FailedConnection(e.SocketErrorCode, Stopwatch.GetElapsedTime(started), local);
        }
    }

    public static IPEndPoint Remote(this Socket socket) => Plain(socket.RemoteEndPoint);

    public static IPEndPoint Local(this Socket socket) => Plain(socket.LocalEndPoint);

    public static async Task SendText(this Socket socket, string text) => await socket.SendAll(Encoding.UTF8.GetBytes(text));

    public static async Task SendAll(this Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
            bytes = bytes[await socket.SendAsync(bytes).AsTask().WaitAsync(MeshLab.Patience)..];
    }

    /// <summary>Receives exactly as many bytes as <paramref name="expected"/> has, as text.</summary>
    public static async Task<string> ReceiveText(this Socket socket, string expected)
    {
        byte[] buffer = new byte[Encoding.UTF8.GetByteCount(expected)];
        int got = 0;
        while (got < buffer.Length)
        {
            int read = await socket.ReceiveAsync(buffer.AsMemory(got)).AsTask().WaitAsync(MeshLab.Patience);
            if (read == 0)
                break;
            got += read;
        }

        return Encoding.UTF8.GetString(buffer, 0, got);
    }

    public static async Task<string> ReceiveToEnd(this Socket socket)
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while ((read = await socket.ReceiveAsync(buffer).WaitAsync(MeshLab.Patience)) > 0)
            all.Write(buffer.AsSpan(0, read));
        return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
    }

    /// <summary>Ends the connection with RST.</summary>
    public static void Reset(this Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    /// <summary>Asserts that the other side has reset, or now resets, the connection.</summary>
    public static async Task SeesReset(this Socket socket)
    {
        SocketException e = await Assert.ThrowsAsync<SocketException>(socket.ReceiveToEnd);
        Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
    }

    private static Socket Create(LabHost @in, IPAddress towards) => @in.NetworkNamespace.Run(
        () => new Socket(towards.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });

    private static IPAddress AddressOf(this LabHost host, AddressFamily family) => host.Addresses.First(a => a.AddressFamily == family);

    private static IPEndPoint Plain(EndPoint? endPoint)
    {
        var ip = (IPEndPoint)endPoint!;
        return ip.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(ip.Address.MapToIPv4(), ip.Port) : ip;
    }
}

/// <summary>What a client saw of a connection that failed.</summary>
/// <param name="Error">The error, of connecting or of using the connection.</param>
/// <param name="After">How long after the attempt began.</param>
/// <param name="Client">The client's address: its log line's <c>src.addr</c>.</param>
internal sealed record FailedConnection(SocketError Error, TimeSpan After, IPEndPoint Client);

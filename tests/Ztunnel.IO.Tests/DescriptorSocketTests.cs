using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Ztunnel.IO.Tests;

/// <summary>Sockets that move from one owner to another.</summary>
public sealed class DescriptorSocketTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Messages_stay_apart_and_bring_their_descriptors()
    {
        using var directory = new Folder();
        using DescriptorSocket door = DescriptorSocket.Listen(directory.Socket);
        Task<DescriptorSocket?> accepting = Task.Run(() => door.Accept(Patience));
        using DescriptorSocket one = DescriptorSocket.Connect(directory.Socket, Patience)!;
        using DescriptorSocket other = (await accepting)!;
        string file = Path.Combine(directory.Path, "file");
        await File.WriteAllTextAsync(file, "what is in it");

        using (SafeFileHandle open = File.OpenHandle(file))
            one.Send("first"u8, open, open);
        one.Send("second"u8);

        Assert.Equal("first", Encoding.UTF8.GetString(other.Receive(out IReadOnlyList<SafeFileHandle> passed)));
        Assert.Equal(2, passed.Count);
        byte[] bytes = new byte[64];
        Assert.Equal("what is in it", Encoding.UTF8.GetString(bytes, 0, RandomAccess.Read(passed[1], bytes, 0)));
        foreach (SafeHandle each in passed)
            each.Dispose();
        Assert.Equal("second", Encoding.UTF8.GetString(other.Receive(out passed)));
        Assert.Empty(passed);
        one.Dispose();
        Assert.Empty(other.Receive(out _));
    }

    [Fact]
    public void Nobody_at_the_door_is_told_from_a_door_that_cannot_be()
    {
        using var directory = new Folder();
        Assert.Null(DescriptorSocket.Connect(directory.Socket, Patience));
        DescriptorSocket.Listen(directory.Socket).Dispose();
        Assert.Null(DescriptorSocket.Connect(directory.Socket, Patience));
        Assert.Throws<IOException>(() => DescriptorSocket.Connect(new string('x', 200), Patience));
    }

    [Fact]
    public async Task The_last_to_listen_at_a_path_has_it_and_waiting_ends_when_interrupted()
    {
        using var directory = new Folder();
        using DescriptorSocket before = DescriptorSocket.Listen(directory.Socket);
        using DescriptorSocket after = DescriptorSocket.Listen(directory.Socket);
        Task<DescriptorSocket?> accepting = Task.Run(() => after.Accept(Patience));
        using DescriptorSocket? client = DescriptorSocket.Connect(directory.Socket, Patience);
        using DescriptorSocket? accepted = await accepting.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.NotNull(accepted);

        Task<DescriptorSocket?> waiting = Task.Run(() => before.Accept(Patience));
        before.Interrupt();
        Assert.Null(await waiting.WaitAsync(Patience, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_listener_that_yields_leaves_every_connection_to_the_one_that_adopted_its_socket()
    {
        using EventLoop loop = EventLoop.Start(0);
        int old = 0;
        int @new = 0;
        using TcpListener first = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        SafeFileHandle shared = first.Share()!;
        first.Start(loop, [loop], connection => Count(connection, ref old));
        await Connect(first.LocalEndPoint, 20);
        Assert.Equal(20, old);

        await first.Yield();
        // Nobody accepts: these wait in the queue that is still there.
        Task waiting = Connect(first.LocalEndPoint, 20);
        using TcpListener second = TcpListener.Adopt(shared, new TcpListenOptions());
        Assert.Equal(first.LocalEndPoint, second.LocalEndPoint);
        second.Start(loop, [loop], connection => Count(connection, ref @new));
        await waiting;
        first.Dispose();
        await Connect(first.LocalEndPoint, 20);

        Assert.Equal((20, 40), (old, @new));
        // Until it is told that it is alone it leaves what comes to the other; from now on connects are refused at once.
        second.Own();
        second.Dispose();
        await Assert.ThrowsAsync<SocketException>(() => Connect(first.LocalEndPoint, 1));
        Assert.Null(second.Share());
    }

    private static void Count(TcpConnection connection, ref int count)
    {
        Interlocked.Increment(ref count);
        connection.Dispose();
    }

    /// <summary>Connects so often, and waits until the other side has ended each connection.</summary>
    private static async Task Connect(IPEndPoint to, int times)
    {
        for (int time = 0; time < times; time++)
        {
            using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await client.ConnectAsync(to);
                await client.ReceiveAsync(new byte[1]).WaitAsync(Patience);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // A reset ends it too.
            }
        }
    }

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("descriptors-").FullName;

        public string Socket => System.IO.Path.Combine(Path, "door");

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}

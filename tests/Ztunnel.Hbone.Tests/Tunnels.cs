using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>Two of our ends joined in memory, and what tests do with the tunnels between them.</summary>
internal sealed class Tunnels
{
    private Tunnels(HboneConnection client, HboneConnection server, MemoryChannel clientSide, MemoryChannel serverSide)
    {
        Client = client;
        Server = server;
        ClientSide = clientSide;
        ServerSide = serverSide;
    }

    public HboneConnection Client { get; }

    public HboneConnection Server { get; }

    public MemoryChannel ClientSide { get; }

    public MemoryChannel ServerSide { get; }

    /// <summary>Joins a client and a server.</summary>
    public static Tunnels Join(
        EventLoop loop,
        Func<IncomingConnect, ValueTask> handler,
        HboneOptions? clientOptions = null,
        HboneOptions? serverOptions = null,
        MemoryChannelOptions? transport = null)
    {
        (MemoryChannel clientSide, MemoryChannel serverSide) = MemoryChannel.Pair(loop, transport);
        HboneConnection server = HboneConnection.Serve(serverSide, handler, serverOptions);
        HboneConnection client = HboneConnection.Connect(clientSide, clientOptions);
        return new Tunnels(client, server, clientSide, serverSide);
    }

    /// <summary>A handler that accepts and sends back what comes.</summary>
    public static async ValueTask Echo(IncomingConnect incoming)
    {
        using HboneStream stream = incoming.Accept();
        await Move(stream, stream);
    }

    /// <summary>A handler that accepts, discards what comes, and ends when the client does.</summary>
    public static async ValueTask Swallow(IncomingConnect incoming)
    {
        using HboneStream stream = incoming.Accept();
        await ReadAll(stream);
        stream.ShutdownWrite();
    }

    /// <summary>Opens a tunnel that is expected to stand.</summary>
    public async Task<HboneStream> Open(string authority = "10.0.0.1:80")
    {
        ConnectOutcome outcome = await Client.OpenAsync(new ConnectRequest(authority));
        return Assert.IsType<ConnectOutcome.Opened>(outcome).Stream;
    }

    /// <summary>Moves bytes from one channel to another until the first ends, as a relay does; true if it ended in order.</summary>
    public static async Task<bool> Move(Channel from, Channel to)
    {
        while (true)
        {
            switch (MoveOnce(from, to, out bool full))
            {
                case ReadStatus.Pending:
                    await from.WaitForReadAsync();
                    break;
                case ReadStatus.Data when full:
                    await to.WaitForWriteAsync();
                    break;
                case ReadStatus.End:
                    to.ShutdownWrite();
                    return true;
                case ReadStatus.Failed:
                    to.Abort(from.Failure!);
                    return false;
                default:
                    break;
            }

            if (to.Failure is not null)
                return false;
        }
    }

    /// <summary>Reads until the end; fails the test if the channel breaks.</summary>
    public static async Task<byte[]> ReadAll(Channel channel)
    {
        using MemoryStream bytes = new();
        while (true)
        {
            ReadStatus status = ReadSome(channel, bytes);
            Assert.True(status != ReadStatus.Failed, channel.Failure?.Detail);
            if (status == ReadStatus.End)
                return bytes.ToArray();
            if (status == ReadStatus.Pending)
                await channel.WaitForReadAsync();
        }
    }

    /// <summary>Reads exactly so many bytes.</summary>
    public static async Task<byte[]> Read(Channel channel, int count)
    {
        byte[] bytes = new byte[count];
        int filled = 0;
        while (filled < count)
        {
            int read = await channel.ReadAsync(bytes.AsMemory(filled));
            Assert.NotEqual(0, read);
            filled += read;
        }

        return bytes;
    }

    private static ReadStatus MoveOnce(Channel from, Channel to, out bool full)
    {
        full = false;
        ReadStatus status = from.TryRead(out Chunk chunk);
        if (status != ReadStatus.Data)
            return status;
        int length = chunk.Length;
        int taken = to.TryWrite(chunk);
        from.Consume(taken);
        full = taken < length;
        return status;
    }

    private static ReadStatus ReadSome(Channel channel, MemoryStream target)
    {
        ReadStatus status = channel.TryRead(out Chunk chunk);
        if (status == ReadStatus.Data)
        {
            target.Write(chunk.Bytes);
            channel.Consume(chunk.Length);
        }

        return status;
    }
}

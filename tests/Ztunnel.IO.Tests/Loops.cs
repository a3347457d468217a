using System.Net;

namespace Ztunnel.IO.Tests;

/// <summary>Loops and connections for tests.</summary>
internal static class Loops
{
    /// <summary>How long anything in a test may take before it has failed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    /// <summary>Runs a test's work on a new loop and stops that afterwards.</summary>
    public static async Task OnLoop(Func<EventLoop, Task> work)
    {
        using EventLoop loop = EventLoop.Start(0);
        await loop.RunAsync(() => work(loop)).WaitAsync(Patience);
    }

    /// <summary>Two ends of one connection over loopback, both on <paramref name="loop"/>.</summary>
    public static async Task<(TcpConnection Client, TcpConnection Server)> ConnectedPair(
        EventLoop loop, TcpOptions? options = null, IPAddress? address = null)
    {
        options ??= new TcpOptions();
        using TcpListener listener = TcpListener.Listen(
            null, new IPEndPoint(address ?? IPAddress.Loopback, 0), new TcpListenOptions { Connection = options });
        TaskCompletionSource<TcpConnection> accepted = new();
        listener.Start(loop, [loop], accepted.SetResult);
        TcpConnection client = await TcpConnection.ConnectAsync(
            loop, null, null, listener.LocalEndPoint, options, ConnectTimeout);
        return (client, await accepted.Task);
    }

    /// <summary>Reads until something other than data comes; the bytes and what came.</summary>
    public static async Task<(byte[] Bytes, ReadStatus End)> ReadAll(Channel channel)
    {
        using MemoryStream bytes = new();
        while (true)
        {
            ReadStatus status = ReadSome(channel, bytes);
            if (status is ReadStatus.End or ReadStatus.Failed)
                return (bytes.ToArray(), status);
            if (status == ReadStatus.Pending)
                await channel.WaitForReadAsync();
        }
    }

    /// <summary>Waits for a condition that other threads bring about.</summary>
    public static async Task Until(EventLoop loop, Func<bool> condition)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, "The condition did not come true in time.");
            await loop.DelayAsync(TimeSpan.FromMilliseconds(1));
        }
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

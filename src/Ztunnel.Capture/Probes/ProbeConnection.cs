using System.Net;
using System.Security.Cryptography;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>One connection of the agent's own from the node to a pod, as the kubelet would make it.</summary>
internal static class ProbeConnection
{
    private const int WordLength = 16;

    /// <summary>
    /// Connects, and returns the source address that the connection has at its end in the pod. Throws
    /// <see cref="ChannelException"/> when it does not get there. On <paramref name="loop"/>'s thread.
    /// </summary>
    public static async Task<IPAddress> Try(EventLoop loop, NetworkNamespace node, NetworkNamespace pod, IPAddress address, TimeSpan patience)
    {
        byte[] word = RandomNumberGenerator.GetBytes(WordLength);
        var arrived = new TaskCompletionSource<IPAddress>(TaskCreationOptions.RunContinuationsAsynchronously);
        using TcpListener listener = TcpListener.Listen(pod, new IPEndPoint(address, 0), new TcpListenOptions());
        listener.Start(loop, [loop], connection => _ = Receive(connection, word, arrived, patience));
        using TcpConnection probe = await TcpConnection.ConnectAsync(loop, node, null, listener.LocalEndPoint, new TcpOptions(), patience);
        await probe.WriteAsync(word);
        try
        {
            return await arrived.Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw new ChannelException(new ChannelFailure(
                FailureKind.TimedOut, $"a connection from the node to {address} was accepted, but not by whom it was for: what it sent did not arrive in the pod"));
        }
    }

    /// <summary>Whoever else connects to the listener in this moment does not know the word.</summary>
    private static async Task Receive(TcpConnection connection, byte[] word, TaskCompletionSource<IPAddress> arrived, TimeSpan patience)
    {
        using (connection)
        {
            connection.SetDeadline(patience);
            byte[] buffer = new byte[WordLength];
            try
            {
                for (int count = 0, more = 1; count < WordLength && more > 0; count += more)
                    more = await connection.ReadAsync(buffer.AsMemory(count));
            }
            catch (ChannelException)
            {
                return;
            }

            if (CryptographicOperations.FixedTimeEquals(buffer, word))
                arrived.TrySetResult(connection.RemoteEndPoint.Address);
        }
    }
}

using System.Net.Sockets;
using System.Security.Cryptography;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Bulk that shows by its hash whether it arrived unchanged.</summary>
internal static class RandomBytes
{
    /// <summary>Sends random bytes and ends; returns their hash.</summary>
    public static async Task<byte[]> Send(Socket socket, int seed, int length)
    {
        var random = new Random(seed);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[100_000];
        for (int sent = 0; sent < length; sent += block.Length)
        {
            random.NextBytes(block);
            hash.AppendData(block);
            await socket.SendAll(block);
        }

        socket.Shutdown(SocketShutdown.Send);
        return hash.GetHashAndReset();
    }

    /// <summary>Receives to the end; returns the hash of what came, and its length.</summary>
    public static async Task<(byte[] Hash, long Length)> ReceiveHashed(Socket socket)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[100_000];
        long length = 0;
        int read;
        while ((read = await socket.ReceiveAsync(block).WaitAsync(MeshLab.Patience)) > 0)
        {
            hash.AppendData(block.AsSpan(0, read));
            length += read;
        }

        return (hash.GetHashAndReset(), length);
    }
}

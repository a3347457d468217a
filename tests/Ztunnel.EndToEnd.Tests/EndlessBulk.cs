using System.Net.Sockets;
using System.Security.Cryptography;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>One way of a connection filled with random bytes, as fast as they are taken, until told to stop; a hash at each end.</summary>
internal sealed class EndlessBulk
{
    private readonly Task<(byte[] Hash, long Length)> _sending;
    private readonly TaskCompletionSource _receive = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task<(byte[] Hash, long Length)> _receiving;
    private long _sent;
    private volatile bool _stop;

    private EndlessBulk(Socket from, Socket to, int seed, bool receive)
    {
        if (receive)
            _receive.SetResult();
        _sending = Task.Run(() => Send(from, seed));
        _receiving = Task.Run(async () =>
        {
            await _receive.Task;
            return await RandomBytes.ReceiveHashed(to);
        });
    }

    /// <summary>Bytes the sender's kernel took.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>Starts to send and receive.</summary>
    public static EndlessBulk Start(Socket from, Socket to, int seed) => new(from, to, seed, receive: true);

    /// <summary>Starts to send; nobody receives before <see cref="Stop"/>. Completes once no more is taken.</summary>
    public static async Task<EndlessBulk> StartStuck(Socket from, Socket to, int seed)
    {
        var bulk = new EndlessBulk(from, to, seed, receive: false);
        long before;
        do
        {
            before = bulk.Sent;
            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }
        while (bulk.Sent != before || before == 0);
        return bulk;
    }

    /// <summary>Waits until so many more bytes have been sent.</summary>
    public Task More(long bytes = 2_000_000)
    {
        long enough = Sent + bytes;
        return MeshLab.Eventually($"{bytes} more bytes", () =>
        {
            if (_sending.IsFaulted)
                _sending.GetAwaiter().GetResult();
            return Task.FromResult(Sent >= enough);
        });
    }

    /// <summary>Ends the way in order and fails unless what came is what was sent. Returns how many bytes that was.</summary>
    public async Task<long> Stop()
    {
        _stop = true;
        _receive.TrySetResult();
        (byte[] hash, long length) = await _sending;
        (byte[] receivedHash, long received) = await _receiving;
        Assert.Equal(length, received);
        Assert.Equal(hash, receivedHash);
        return length;
    }

    private async Task<(byte[] Hash, long Length)> Send(Socket socket, int seed)
    {
        var random = new Random(seed);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] block = new byte[100_000];
        while (!_stop)
        {
            random.NextBytes(block);
            hash.AppendData(block);
            for (int sent = 0; sent < block.Length;)
            {
                int count = await socket.SendAsync(block.AsMemory(sent));
                sent += count;
                Interlocked.Add(ref _sent, count);
            }

            // Much, and not all that the machine can do: other tests have their own.
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }

        socket.Shutdown(SocketShutdown.Send);
        return (hash.GetHashAndReset(), Sent);
    }
}

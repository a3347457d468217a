using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Connections to an <see cref="EchoServer"/>, one after the other from each of some clients, while a test does something
/// that nobody else may notice; and one connection that is open all along.
/// </summary>
internal sealed class SteadyTraffic
{
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly LabHost _from;
    private readonly IPAddress _to;
    private readonly Task _running;
    private int _connections;
    private volatile bool _stopped;

    private SteadyTraffic(LabHost from, IPAddress to, int clients, EchoClient? lasting)
    {
        _from = from;
        _to = to;
        _running = Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Connect()).Append(lasting is null ? Task.CompletedTask : KeepTalking(lasting)));
    }

    /// <summary>Connections made and ended well so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Starts, with one connection that is open all along, once that is.</summary>
    public static async Task<SteadyTraffic> Start(LabHost from, IPAddress to, int clients = 2) =>
        new(from, to, clients, await EchoServer.Connect(from, to));

    /// <summary>Starts, with short connections only.</summary>
    public static SteadyTraffic StartShort(LabHost from, IPAddress to, int clients = 2) => new(from, to, clients, null);

    /// <summary>Waits until so many more connections than now were made, so that what was done before has had its effect on some.</summary>
    public Task More(int connections = 10)
    {
        int enough = Connections + connections;
        return MeshLab.Eventually($"{connections} more connections; so far {string.Join("; ", _failures)}", () => Task.FromResult(Connections >= enough));
    }

    /// <summary>Ends it and fails unless every connection went well. Returns how many there were.</summary>
    public async Task<int> StopUnharmed()
    {
        await More(1);
        _stopped = true;
        await _running;
        Assert.Empty(_failures);
        return _connections;
    }

    private async Task Connect()
    {
        while (!_stopped)
        {
            try
            {
                using EchoClient client = await EchoServer.Connect(_from, _to);
                await client.Echo("something");
                await client.Close();
                Interlocked.Increment(ref _connections);
            }
            catch (Exception e) when (e is SocketException or TimeoutException)
            {
                _failures.Enqueue($"connection {Connections}: {e.Message}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    private async Task KeepTalking(EchoClient open)
    {
        using EchoClient lasting = open;
        try
        {
            for (int turn = 0; !_stopped; turn++)
            {
                Assert.Equal($"turn {turn}", await lasting.Echo($"turn {turn}"));
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }

            await lasting.Close();
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            _failures.Enqueue($"the open connection: {e.Message}");
        }
    }
}

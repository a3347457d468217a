using System.Security.Cryptography;
using Ztunnel.IO;

namespace Ztunnel.Proxy.Tests;

/// <summary>Relays between two sockets that go on elsewhere, over and over: on another loop here, in another process in life.</summary>
public sealed class PassedRelayTests : IDisposable
{
    private const int Bulk = 64 * 1024 * 1024;

    private readonly EventLoop _ends = EventLoop.Start(0);
    private readonly EventLoop[] _loops = [EventLoop.Start(0), EventLoop.Start(1)];

    public void Dispose()
    {
        _ends.Dispose();
        foreach (EventLoop loop in _loops)
            loop.Dispose();
    }

    [Fact]
    public async Task Bulk_both_ways_arrives_unchanged_however_often_it_is_passed_on()
    {
        Passed passed = await Open();
        byte[] up = RandomNumberGenerator.GetBytes(Bulk), down = RandomNumberGenerator.GetBytes(Bulk);
        Task<(byte[] AtServer, byte[] AtClient)> bulk = _ends.RunAsync(async () =>
        {
            Task<byte[]> atServer = ReadToEnd(passed.Server), atClient = ReadToEnd(passed.Client);
            await Task.WhenAll(Send(passed.Client, up), Send(passed.Server, down));
            return (await atServer, await atClient);
        });

        while (await passed.PassOn(_loops))
        {
        }

        (byte[] atServer, byte[] atClient) = await bulk.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.True(atServer.SequenceEqual(up));
        Assert.True(atClient.SequenceEqual(down));
        Assert.Null(passed.Relay.Failure);
        Assert.Equal((Bulk, Bulk), (passed.Relay.BytesToServer, passed.Relay.BytesToClient));
        Assert.True(passed.Times >= 10, $"passed on {passed.Times} times");
        Assert.True(passed.InFlight > 0, "nothing was ever in flight");
    }

    [Fact]
    public async Task What_broke_while_it_rested_is_seen_where_it_goes_on()
    {
        Passed passed = await Open();
        Task<bool> moving = passed.PassOn(_loops, whileAtRest: () => _ends.RunAsync(() =>
        {
            passed.Client.Abort(new ChannelFailure(FailureKind.Closed, "reset in the test"));
            return Task.CompletedTask;
        }));
        Assert.True(await moving);
        await passed.Running.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);

        Assert.Equal(FailureKind.Reset, passed.Relay.Failure?.Kind);
        await _ends.RunAsync(async () => await Assert.ThrowsAsync<ChannelException>(() => ReadToEnd(passed.Server)));
    }

    [Fact]
    public async Task One_that_stays_goes_on_and_what_was_to_break_it_does_then()
    {
        Passed passed = await Open();
        await _loops[0].RunAsync(async () =>
        {
            passed.Relay.Pause();
            await passed.Running;
            Assert.True(passed.Relay.IsPaused);
            passed.Relay.Suspend();
            passed.Relay.Resume();
            passed.Running = passed.Relay.RunAsync().AsTask();
        });
        await _ends.RunAsync(async () =>
        {
            await passed.Client.WriteAsync("hello"u8.ToArray());
            byte[] got = new byte[5];
            Assert.Equal(5, await passed.Server.ReadAsync(got));
        });
        await _loops[0].RunAsync(async () =>
        {
            passed.Relay.Pause();
            await passed.Running;
            passed.Relay.Suspend();
            passed.Relay.Abort(new ChannelFailure(FailureKind.Refused, "judged anew in the test"));
            Assert.Null(passed.Relay.Failure);
            passed.Relay.Resume();
            await passed.Relay.RunAsync();
            Assert.Equal(FailureKind.Refused, passed.Relay.Failure!.Kind);
        });
        await _ends.RunAsync(async () => await Assert.ThrowsAsync<ChannelException>(() => ReadToEnd(passed.Server)));
    }

    private async Task<Passed> Open()
    {
        (TcpConnection client, TcpConnection clientSide) = await Tcp.Connect(_ends, _loops[0]);
        (TcpConnection serverSide, TcpConnection server) = await Tcp.Connect(_loops[0], _ends);
        var passed = new Passed { Client = client, Server = server, Relay = new Relay(clientSide, serverSide, new LoopShare(_loops[0]), TimeSpan.FromHours(1)) };
        await passed.Start(_loops[0]);
        return passed;
    }

    private static async Task Send(TcpConnection to, byte[] bytes)
    {
        await to.WriteAsync(bytes);
        to.ShutdownWrite();
    }

    private static async Task<byte[]> ReadToEnd(TcpConnection from)
    {
        var all = new MemoryStream();
        byte[] block = new byte[64 * 1024];
        for (int read; (read = await from.ReadAsync(block)) > 0;)
            all.Write(block, 0, read);
        return all.ToArray();
    }

    private sealed class Passed
    {
        private int _on;

        public required TcpConnection Client { get; init; }

        public required TcpConnection Server { get; init; }

        public required Relay Relay { get; set; }

        public Task Running { get; set; } = Task.CompletedTask;

        public int Times { get; private set; }

        public long InFlight { get; private set; }

        public Task Start(EventLoop loop) => loop.RunAsync(() =>
        {
            Running = Relay.RunAsync().AsTask();
            return Task.CompletedTask;
        });

        /// <summary>Moves the relay to the other loop; false when it has come to its end.</summary>
        public async Task<bool> PassOn(EventLoop[] loops, Func<Task>? whileAtRest = null)
        {
            EventLoop from = loops[_on], to = loops[_on = 1 - _on];
            using PassedRelay? passed = await from.RunAsync(async () =>
            {
                Relay.Pause();
                await Running;
                if (!Relay.IsPaused)
                    return null;
                Relay.Suspend();
                PassedRelay duplicate = Relay.Duplicate()!;
                Relay.Leave();
                return duplicate;
            });
            if (passed is null)
                return false;
            if (whileAtRest is not null)
                await whileAtRest();
            Times++;
            InFlight += (passed.ToServer?.Bytes ?? 0) + (passed.ToClient?.Bytes ?? 0);
            await to.RunAsync(() =>
            {
                TcpConnection client = TcpConnection.Adopt(to, passed.Client!, Client.RemoteEndPoint), server = TcpConnection.Adopt(to, passed.Server!, Server.RemoteEndPoint);
                Relay = new Relay(client, server, new LoopShare(to), TimeSpan.FromHours(1));
                Relay.Restore(passed);
                Running = Relay.RunAsync().AsTask();
                return Task.CompletedTask;
            });
            return true;
        }
    }
}

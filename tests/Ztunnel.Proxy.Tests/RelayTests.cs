using System.Text;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Proxy.Tests;

public sealed class RelayTests
{
    [Fact]
    public async Task Each_direction_ends_on_its_own_and_every_byte_is_counted()
    {
        await OnLoop(async (client, server, relay) =>
        {
            Task relaying = relay.RunAsync().AsTask();
            await client.WriteAsync("question"u8.ToArray());
            client.ShutdownWrite();
            Assert.Equal("question", await ReadToEnd(server));

            await server.WriteAsync("answer after the end"u8.ToArray());
            server.ShutdownWrite();
            Assert.Equal("answer after the end", await ReadToEnd(client));

            await relaying;
            Assert.Equal((8, 20), (relay.BytesToServer, relay.BytesToClient));
            Assert.Null(relay.Failure);
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_of_one_side_is_a_failure_of_the_other_and_not_an_end(bool byClient)
    {
        await OnLoop(async (client, server, relay) =>
        {
            Task relaying = relay.RunAsync().AsTask();
            (byClient ? client : server).Abort(new ChannelFailure(FailureKind.Reset, "reset in the test"));
            await relaying;

            Assert.NotNull(relay.Failure);
            MemoryChannel other = byClient ? server : client;
            Assert.Equal(ReadStatus.Failed, other.TryRead(out _));
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_side_that_ended_and_then_breaks_ends_the_other_though_it_keeps_silent(bool byClient)
    {
        await OnLoop(async (client, server, relay) =>
        {
            (MemoryChannel one, MemoryChannel other) = byClient ? (client, server) : (server, client);
            Task relaying = relay.RunAsync().AsTask();
            one.ShutdownWrite();
            Assert.Equal(0, await other.ReadAsync(new byte[1]));

            one.Abort(new ChannelFailure(FailureKind.Reset, "reset in the test"));
            await relaying;

            Assert.NotNull(relay.Failure);
        });
    }

    [Fact]
    public async Task An_aborted_relay_ends_whichever_direction_has_ended_before()
    {
        await OnLoop(async (client, server, relay) =>
        {
            Task relaying = relay.RunAsync().AsTask();
            client.ShutdownWrite();
            Assert.Equal(0, await server.ReadAsync(new byte[1]));

            relay.Abort(new ChannelFailure(FailureKind.Closed, "aborted in the test"));
            await relaying;

            Assert.Equal("aborted in the test", relay.Failure!.Detail);
        });
    }

    [Fact]
    public async Task What_the_receiver_does_not_take_is_not_lost()
    {
        await OnLoop(
            async (client, server, relay) =>
            {
                Task relaying = relay.RunAsync().AsTask();
                byte[] sent = new byte[300_000];
                Random.Shared.NextBytes(sent);
                Task writing = Write();
                var received = new MemoryStream();
                byte[] buffer = new byte[1000];
                for (int count; (count = await server.ReadAsync(buffer)) > 0;)
                    received.Write(buffer, 0, count);
                await writing;

                Assert.Equal(sent, received.ToArray());
                server.ShutdownWrite();
                await relaying;

                async Task Write()
                {
                    await client.WriteAsync(sent);
                    client.ShutdownWrite();
                }
            },
            new MemoryChannelOptions { Capacity = 700 });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_half_closed_connection_on_which_nothing_moves_is_broken_off_with_its_reason(bool clientEnds)
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            (MemoryChannel client, MemoryChannel clientSide) = MemoryChannel.Pair(loop);
            (MemoryChannel serverSide, MemoryChannel server) = MemoryChannel.Pair(loop);
            var relay = new Relay(clientSide, serverSide, share: null, TimeSpan.FromMinutes(10));
            Task relaying = relay.RunAsync().AsTask();
            (MemoryChannel ended, MemoryChannel open) = clientEnds ? (client, server) : (server, client);
            await AdvanceInSteps(time, loop, TimeSpan.FromHours(3));
            Assert.Null(relay.Failure);

            ended.ShutdownWrite();
            Assert.Equal("", await ReadToEnd(open));
            // As long as something moves now and then it lives.
            for (int i = 0; i < 5; i++)
            {
                await AdvanceInSteps(time, loop, TimeSpan.FromMinutes(9));
                await open.WriteAsync("x"u8.ToArray());
                Assert.Equal(1, await ended.ReadAsync(new byte[1]));
            }

            await AdvanceInSteps(time, loop, TimeSpan.FromMinutes(20));
            await relaying;
            Assert.Equal("HalfClosedTimeout: one side has ended and nothing has moved for 600 s", relay.Failure!.Detail);
            Assert.Equal(ReadStatus.Failed, open.TryRead(out _));
            Assert.Equal(ReadStatus.Failed, ended.TryRead(out _));
        }).WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Breaking_a_relay_off_wakes_it_whatever_it_waits_for()
    {
        await OnLoop(
            async (client, server, relay) =>
            {
                Task relaying = relay.RunAsync().AsTask();
                Task writing = Assert.ThrowsAsync<ChannelException>(async () => await client.WriteAsync(new byte[100_000]));
                while (server.Unread < 700)
                    await server.Loop.YieldAsync();

                relay.Abort(new ChannelFailure(FailureKind.Closed, "enough"));

                await relaying;
                await writing;
                Assert.Equal("enough", relay.Failure!.Detail);
            },
            new MemoryChannelOptions { Capacity = 700 });
    }

    private static async Task AdvanceInSteps(ManualTime time, EventLoop loop, TimeSpan by)
    {
        for (TimeSpan done = TimeSpan.Zero; done < by; done += TimeSpan.FromMinutes(1))
        {
            time.Advance(TimeSpan.FromMinutes(1));
            await loop.YieldAsync();
        }
    }

    private static async Task<string> ReadToEnd(Channel channel)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[64];
        for (int count; (count = await channel.ReadAsync(buffer)) > 0;)
            text.Append(Encoding.ASCII.GetString(buffer, 0, count));
        return text.ToString();
    }

    /// <summary>Runs a test on a loop, with the far ends of a relay's client and server.</summary>
    private static async Task OnLoop(Func<MemoryChannel, MemoryChannel, Relay, Task> test, MemoryChannelOptions? options = null)
    {
        using EventLoop loop = EventLoop.Start(0);
        await loop.RunAsync(async () =>
        {
            (MemoryChannel client, MemoryChannel clientSide) = MemoryChannel.Pair(loop, options);
            (MemoryChannel serverSide, MemoryChannel server) = MemoryChannel.Pair(loop, options);
            await test(client, server, new Relay(clientSide, serverSide));
        }).WaitAsync(TimeSpan.FromSeconds(30));
    }
}

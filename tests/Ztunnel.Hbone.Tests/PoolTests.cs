using Ztunnel.Hbone.Pool;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

public sealed class PoolTests
{
    private static readonly ConnectRequest Request = new("10.0.0.1:80");

    [Fact]
    public async Task Tunnels_of_one_key_share_a_connection_and_keys_do_not()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            HboneStream first = await peers.Open("a");
            HboneStream second = await peers.Open("a");
            HboneStream other = await peers.Open("b");
            Assert.Same(first.Connection, second.Connection);
            Assert.NotSame(first.Connection, other.Connection);
            Assert.Equal(2, peers.Connects);
        });
    }

    [Fact]
    public async Task Opens_that_come_during_a_handshake_share_its_connection_and_other_keys_do_not_wait()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            TaskCompletionSource handshake = new();
            peers.BeforeConnect = key => key == "slow" ? handshake.Task : Task.CompletedTask;
            Task<ConnectOutcome>[] slow = [.. Enumerable.Range(0, 5).Select(_ => peers.Pool.OpenAsync("slow", Request).AsTask())];
            await peers.Open("quick");
            Assert.All(slow, task => Assert.False(task.IsCompleted));
            Assert.Equal(5, peers.Pool.Snapshot().Single(peer => peer.Key == "slow").Waiting);
            handshake.SetResult();
            ConnectOutcome[] outcomes = await Task.WhenAll(slow);
            Assert.Single(outcomes.Select(outcome => ((ConnectOutcome.Opened)outcome).Stream.Connection).Distinct());
            Assert.Equal(2, peers.Connects);
        });
    }

    [Fact]
    public async Task A_full_connection_gets_a_sibling()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop, server: new HboneOptions { MaxConcurrentStreams = 2 });
            List<HboneStream> streams = [];
            for (int i = 0; i < 5; i++)
            {
                streams.Add(await peers.Open("a"));
                await loop.Settle();
            }

            Assert.Equal(3, streams.Select(stream => stream.Connection).Distinct().Count());
            Assert.All(streams.GroupBy(stream => stream.Connection), group => Assert.True(group.Count() <= 2));
        });
    }

    [Fact]
    public async Task When_no_more_connections_are_allowed_an_open_waits_for_a_place()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop, new HbonePoolOptions { MaxConnectionsPerKey = 1 }, new HboneOptions { MaxConcurrentStreams = 1 });
            HboneStream first = await peers.Open("a");
            await loop.Settle();
            Task<ConnectOutcome> second = peers.Pool.OpenAsync("a", Request).AsTask();
            await loop.Settle();
            Assert.False(second.IsCompleted);
            first.Dispose();
            Assert.IsType<ConnectOutcome.Opened>(await second);
            Assert.Equal(1, peers.Connects);
        });
    }

    [Fact]
    public async Task An_open_that_finds_no_place_in_time_fails()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(
                loop,
                new HbonePoolOptions { MaxConnectionsPerKey = 1, ConnectTimeout = TimeSpan.FromMilliseconds(50) },
                new HboneOptions { MaxConcurrentStreams = 1 });
            await peers.Open("a");
            await loop.Settle();
            ConnectOutcome outcome = await peers.Pool.OpenAsync("a", Request);
            Assert.Equal(FailureKind.TimedOut, Assert.IsType<ConnectOutcome.Failed>(outcome).Failure.Kind);
        });
    }

    [Fact]
    public async Task Beside_a_bulk_transfer_further_tunnels_get_connections_of_their_own_up_to_a_bound()
    {
        await OnLoop.Run(
            async loop =>
            {
                Peers peers = new(loop, new HbonePoolOptions { ConnectionsForBulk = 2, BulkBytes = 100_000 });
                HboneStream bulk = await peers.Open("a");
                await bulk.WriteAsync(new byte[200_000]);
                await peers.Open("a");
                await loop.Until(() => peers.Connects == 2);
                await loop.Settle();
                HboneStream next = await peers.Open("a");
                Assert.NotSame(bulk.Connection, next.Connection);
                await next.WriteAsync(new byte[200_000]);
                await peers.Open("a");
                await loop.Settle();
                Assert.Equal(2, peers.Connects);
            },
            new ManualTime());
    }

    [Fact]
    public async Task A_connection_held_up_by_tunnels_nobody_reads_gets_no_further_ones_until_it_is_relieved()
    {
        await OnLoop.Run(async loop =>
        {
            HboneOptions client = new() { MaxBuffered = 100_000, ConnectionWindow = 200_000 };
            Peers peers = new(loop, new HbonePoolOptions { Connection = client, MaxConnectionsPerKey = 2, BulkBytes = long.MaxValue })
            {
                Handler = incoming => Fill(incoming.Accept()),
            };
            HboneStream slow = await peers.Open("a");
            await loop.Until(() => slow.Connection.UnreadBytes > 150_000);
            HboneStream other = await peers.Open("a");
            Assert.NotSame(slow.Connection, other.Connection);
            await loop.Until(() => other.Connection.UnreadBytes > 150_000);

            // No further connection is allowed, so the next waits until there is room again on one.
            Task<HboneStream> waiting = peers.Open("a");
            await loop.Settle();
            Assert.False(waiting.IsCompleted);
            while (!waiting.IsCompleted)
            {
                await Tunnels.Read(slow, 50_000);
                await loop.YieldAsync();
            }

            Assert.Same(slow.Connection, (await waiting).Connection);
        });

        static async ValueTask Fill(HboneStream stream)
        {
            while (stream.Failure is null)
            {
                if (stream.TryWrite(new Chunk(new byte[10_000], 0)) == 0)
                    await stream.WaitForWriteAsync();
            }
        }
    }

    [Fact]
    public async Task A_connection_whose_peer_gives_no_credit_gets_no_further_tunnels_until_it_does()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                List<HboneStream> atServer = [];
                HboneOptions server = new() { MaxBuffered = 50_000, ConnectionWindow = 100_000 };
                HbonePoolOptions options = new() { MaxConnectionsPerKey = 2, ConnectionsForBulk = 1 };
                Peers peers = new(loop, options, server)
                {
                    Handler = incoming =>
                    {
                        atServer.Add(incoming.Accept());
                        return ValueTask.CompletedTask;
                    },
                };
                HboneStream slow = await peers.Open("a");
                Task writing = slow.WriteAsync(new byte[250_000]).AsTask();
                await loop.Settle();
                Assert.Same(slow.Connection, (await peers.Open("a")).Connection);
                time.Advance(TimeSpan.FromSeconds(2));
                HboneStream other = await peers.Open("a");
                Assert.NotSame(slow.Connection, other.Connection);
                Task writingToo = other.WriteAsync(new byte[250_000]).AsTask();
                await loop.Settle();
                time.Advance(TimeSpan.FromSeconds(2));

                // No further connection is allowed, so the next waits until there is room again on one.
                Task<HboneStream> waiting = peers.Open("a");
                await loop.Settle();
                Assert.False(waiting.IsCompleted);
                await Tunnels.Read(atServer[0], 250_000);
                Assert.Same(slow.Connection, (await waiting).Connection);
                await writing;
                Assert.False(writingToo.IsCompleted);
            },
            time);
    }

    [Fact]
    public async Task While_a_key_backs_off_opens_fail_at_once_with_the_reason_and_then_it_is_tried_again()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                Peers peers = new(loop);
                ChannelFailure refused = new(FailureKind.Refused, "connection refused");
                peers.BeforeConnect = _ => Task.FromException(new ChannelException(refused));
                for (int failures = 1; failures <= 10; failures++)
                {
                    Assert.Equal(new ConnectOutcome.Failed(refused), await peers.Pool.OpenAsync("a", Request));
                    Assert.Equal(new ConnectOutcome.Failed(refused), await peers.Pool.OpenAsync("a", Request));
                    Assert.Equal(failures, peers.Connects);
                    TimeSpan retryIn = Assert.Single(peers.Pool.Snapshot()).RetryIn;
                    Assert.InRange(retryIn, TimeSpan.FromMilliseconds(25), TimeSpan.FromSeconds(1));
                    time.Advance(retryIn);
                }

                peers.BeforeConnect = null;
                await peers.Open("a");
                await loop.Settle();
                Assert.Null(Assert.Single(peers.Pool.Snapshot()).LastFailure);
            },
            time);
    }

    [Fact]
    public async Task One_key_that_backs_off_does_not_hold_up_another()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            peers.BeforeConnect = key => key == "down"
                ? Task.FromException(new ChannelException(new ChannelFailure(FailureKind.Unreachable, "no route")))
                : Task.CompletedTask;
            Assert.IsType<ConnectOutcome.Failed>(await peers.Pool.OpenAsync("down", Request));
            await peers.Open("up");
        });
    }

    [Fact]
    public async Task A_peer_that_hangs_up_before_it_speaks_http2_is_backed_off_from()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop) { HangsUp = true };
            Assert.IsType<ConnectOutcome.Failed>(await peers.Pool.OpenAsync("a", Request));
            Assert.IsType<ConnectOutcome.Failed>(await peers.Pool.OpenAsync("a", Request));
            Assert.Equal(1, peers.Connects);
            Assert.NotNull(Assert.Single(peers.Pool.Snapshot()).LastFailure);
        });
    }

    [Fact]
    public async Task A_connect_that_takes_too_long_is_cancelled()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop, new HbonePoolOptions { ConnectTimeout = TimeSpan.FromMilliseconds(50) }) { Hangs = true };
            ConnectOutcome outcome = await peers.Pool.OpenAsync("a", Request);
            Assert.Equal(FailureKind.TimedOut, Assert.IsType<ConnectOutcome.Failed>(outcome).Failure.Kind);
            await loop.Until(() => !Assert.Single(peers.Pool.Snapshot()).IsConnecting);
        });
    }

    [Fact]
    public async Task A_request_refused_unprocessed_is_tried_once_more_elsewhere()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            HboneStream first = await peers.Open("a");
            peers.Servers[0].Retire();
            HboneStream second = await peers.Open("a");
            Assert.NotSame(first.Connection, second.Connection);
            Assert.Null(first.Failure);
        });
    }

    [Fact]
    public async Task A_connection_that_went_stale_does_not_cost_the_open_that_finds_out()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            HboneStream first = await peers.Open("a");
            await loop.Settle();
            Task<ConnectOutcome> second = peers.Pool.OpenAsync("a", Request).AsTask();
            peers.Servers[0].Transport.Abort(new ChannelFailure(FailureKind.Closed, "the peer restarted"));
            Assert.IsType<ConnectOutcome.Opened>(await second);
            Assert.NotNull(first.Failure);
        });
    }

    [Fact]
    public async Task A_request_that_is_refused_everywhere_is_not_tried_for_ever()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop) { RetiresAtOnce = true };
            Assert.IsType<ConnectOutcome.NotProcessed>(await peers.Pool.OpenAsync("a", Request));
            Assert.Equal(2, peers.Connects);
        });
    }

    [Fact]
    public async Task An_unused_connection_is_closed_in_order_and_a_used_one_is_kept()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                Peers peers = new(loop, new HbonePoolOptions
                {
                    IdleTimeout = TimeSpan.FromSeconds(300),
                    Connection = new HboneOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan },
                });
                HboneStream used = await peers.Open("used");
                HboneStream left = await peers.Open("left");
                HboneConnection unused = left.Connection;
                left.Dispose();
                await loop.Settle();
                for (int seconds = 0; seconds < 290; seconds += 10)
                {
                    time.Advance(TimeSpan.FromSeconds(10));
                    await loop.Settle();
                }

                Assert.False(unused.IsDraining);
                for (int seconds = 0; seconds < 60; seconds += 10)
                {
                    time.Advance(TimeSpan.FromSeconds(10));
                    await loop.Settle();
                }

                Assert.True(unused.IsClosed);
                Assert.Null(unused.Failure);
                Assert.True(((MemoryChannel)unused.Transport).EndedInOrder);
                Assert.False(used.Connection.IsDraining);
                Assert.Equal("used", Assert.Single(peers.Pool.Snapshot()).Key);
            },
            time);
    }

    [Fact]
    public async Task Evicted_connections_keep_their_tunnels_and_get_no_more()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            HboneStream evicted = await peers.Open("pod-1");
            HboneStream kept = await peers.Open("pod-2");
            peers.Pool.Evict(key => key == "pod-1");
            HboneStream again = await peers.Open("pod-1");
            Assert.NotSame(evicted.Connection, again.Connection);
            Assert.Same(kept.Connection, (await peers.Open("pod-2")).Connection);

            await evicted.WriteAsync("x"u8.ToArray());
            Assert.Equal("x"u8.ToArray(), await Tunnels.Read(evicted, 1));
            Assert.Equal(3, peers.Pool.Snapshot().Sum(peer => peer.Connections.Count));
            evicted.Dispose();
            await evicted.Connection.Completion;
            Assert.Equal(2, peers.Pool.Snapshot().Sum(peer => peer.Connections.Count));
        });
    }

    [Fact]
    public async Task An_open_waiting_for_an_evicted_key_fails_and_its_connection_is_dropped()
    {
        await OnLoop.Run(async loop =>
        {
            Peers peers = new(loop);
            TaskCompletionSource handshake = new();
            peers.BeforeConnect = _ => handshake.Task;
            Task<ConnectOutcome> opening = peers.Pool.OpenAsync("a", Request).AsTask();
            peers.Pool.Evict(_ => true);
            Assert.Equal(FailureKind.Closed, Assert.IsType<ConnectOutcome.Failed>(await opening).Failure.Kind);
            handshake.SetResult();
            await loop.Settle();
            Assert.All(peers.Clients, channel => Assert.True(channel.IsDisposed));
        });
    }

    [Fact]
    public async Task Draining_lets_tunnels_end_until_the_deadline_and_refuses_opens()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                Peers peers = new(loop);
                HboneStream ends = await peers.Open("a");
                HboneStream lingers = await peers.Open("b");
                Task drained = peers.Pool.DrainAsync(TimeSpan.FromSeconds(5));
                Assert.IsType<ConnectOutcome.Failed>(await peers.Pool.OpenAsync("a", Request));
                ends.ShutdownWrite();
                await Tunnels.ReadAll(ends);
                await ends.Connection.Completion;
                time.Advance(TimeSpan.FromSeconds(4));
                await loop.Settle();
                Assert.Null(lingers.Failure);
                time.Advance(TimeSpan.FromSeconds(1));
                await drained;
                Assert.Equal(FailureKind.Closed, lingers.Failure?.Kind);
                Assert.Empty(peers.Pool.Snapshot());
            },
            time);
    }
}

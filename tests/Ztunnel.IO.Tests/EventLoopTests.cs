using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

public sealed class EventLoopTests
{
    [Fact]
    public async Task What_one_thread_posts_runs_in_its_order_and_nothing_is_lost()
    {
        const int Threads = 8;
        const int Each = 20_000;
        using EventLoop loop = EventLoop.Start(0);
        int[] next = new int[Threads];
        int outOfOrder = 0;
        TaskCompletionSource done = new();
        int left = Threads * Each;

        Thread[] posters = [.. Enumerable.Range(0, Threads).Select(thread => new Thread(() =>
        {
            for (int number = 0; number < Each; number++)
            {
                int mine = number;
                loop.Post(
                    _ =>
                    {
                        outOfOrder += next[thread]++ == mine ? 0 : 1;
                        if (--left == 0)
                            done.SetResult();
                    },
                    null);
            }
        }))];
        foreach (Thread poster in posters)
            poster.Start();

        await done.Task.WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(0, outOfOrder);
        Assert.All(next, count => Assert.Equal(Each, count));
    }

    [Fact]
    public async Task An_await_that_leaves_the_loop_comes_back_to_it()
    {
        await Loops.OnLoop(async loop =>
        {
            Assert.Same(loop, EventLoop.Current);
            await Task.Run(() => Assert.Null(EventLoop.Current));
            Assert.Same(loop, EventLoop.Current);
            Assert.True(loop.IsCurrent);
        });
        Assert.Null(EventLoop.Current);
    }

    [Fact]
    public async Task Work_reports_its_result_its_exception_and_its_cancellation()
    {
        using EventLoop loop = EventLoop.Start(0);

        Assert.Equal(7, await loop.RunAsync(() => Task.FromResult(7)));
        await Assert.ThrowsAsync<FormatException>(() => loop.RunAsync(() => throw new FormatException()));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => loop.RunAsync(() => Task.FromCanceled(new CancellationToken(true))));
    }

    [Fact]
    public async Task Work_on_a_loop_that_stops_ends_for_whoever_awaits_it()
    {
        EventLoop loop = EventLoop.Start(0);
        TaskCompletionSource never = new();
        Task outside = loop.RunAsync(() => never.Task);
        Task delayed = loop.RunAsync(() => loop.DelayAsync(TimeSpan.FromDays(1)).AsTask());

        loop.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => outside.WaitAsync(Loops.Patience));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delayed.WaitAsync(Loops.Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => loop.RunAsync(() => Task.CompletedTask));
    }

    [Fact]
    public async Task Work_that_begins_while_the_loop_stops_is_ended_too()
    {
        EventLoop loop = EventLoop.Start(0);
        TaskCompletionSource<(Task Delayed, Task<ReadStatus> Reading)> begun = new();
        loop.Post(
            _ =>
            {
                loop.Dispose();
                begun.SetResult((
                    loop.RunAsync(() => loop.DelayAsync(TimeSpan.FromDays(1)).AsTask()),
                    loop.RunAsync(async () =>
                    {
                        await loop.YieldAsync();
                        (TcpConnection client, _) = await Loops.ConnectedPair(loop);
                        await client.WaitForReadAsync();
                        return client.TryRead(out Chunk _);
                    })));
            },
            null);

        (Task delayed, Task<ReadStatus> reading) = await begun.Task;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => delayed.WaitAsync(Loops.Patience));
        await Assert.ThrowsAsync<ChannelException>(() => reading.WaitAsync(Loops.Patience));
        loop.Dispose();
        Assert.Equal(0, loop.Load);
    }

    [Fact]
    public void What_a_stopping_loop_has_taken_it_runs()
    {
        for (int round = 0; round < 500; round++)
        {
            EventLoop loop = EventLoop.Start(0);
            int taken = 0;
            int ran = 0;
            bool begun = false;
            Thread poster = new(() =>
            {
                while (loop.TryPost(_ => ran++, null))
                {
                    taken++;
                    Volatile.Write(ref begun, true);
                }
            });
            poster.Start();
            SpinWait.SpinUntil(() => Volatile.Read(ref begun));
            loop.Dispose();
            poster.Join();
            Assert.True(taken == ran, $"Round {round}: {taken} taken, {ran} run.");
        }
    }

    [Fact]
    public async Task Timers_run_in_order_of_time_and_then_of_scheduling_and_a_cancelled_one_does_not()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        List<string> ran = [];
        await loop.RunAsync(() =>
        {
            void At(int seconds, string name) => loop.Schedule(TimeSpan.FromSeconds(seconds), _ => ran.Add(name), null);
            At(3, "c");
            At(1, "a1");
            At(1, "a2");
            loop.Schedule(TimeSpan.FromSeconds(2), _ => ran.Add("cancelled"), null).Dispose();
            At(2, "b");
            At(60, "later");
            return Task.CompletedTask;
        });

        TaskCompletionSource due = new();
        await loop.RunAsync(() =>
        {
            loop.Schedule(TimeSpan.FromSeconds(5), _ => due.SetResult(), null);
            return Task.CompletedTask;
        });
        time.Advance(TimeSpan.FromSeconds(5));

        await due.Task.WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
        Assert.Equal(["a1", "a2", "b", "c"], ran);
    }

    [Fact]
    public async Task Any_number_of_timers_some_cancelled_run_in_order()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        Random random = new(4);
        List<int> ran = [];
        List<int> expected = [];
        TaskCompletionSource last = new();
        await loop.RunAsync(() =>
        {
            List<(int At, LoopTimer Timer)> timers = [];
            for (int i = 0; i < 5_000; i++)
            {
                int at = random.Next(10_000);
                timers.Add((at, loop.Schedule(TimeSpan.FromMilliseconds(at), _ => ran.Add(at), null)));
            }

            foreach ((int at, LoopTimer timer) in timers)
            {
                if (random.Next(2) == 0)
                    timer.Dispose();
                else
                    expected.Add(at);
            }

            loop.Schedule(TimeSpan.FromMilliseconds(10_000), _ => last.SetResult(), null);
            return Task.CompletedTask;
        });

        time.Advance(TimeSpan.FromSeconds(10));

        await last.Task.WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
        expected.Sort();
        Assert.Equal(expected, ran);
    }

    [Fact]
    public async Task A_delay_takes_its_time_and_can_be_cancelled()
    {
        await Loops.OnLoop(async loop =>
        {
            long start = TimeProvider.System.GetTimestamp();
            await loop.DelayAsync(TimeSpan.FromMilliseconds(20));
            Assert.True(TimeProvider.System.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(20));

            using CancellationTokenSource source = new();
            ValueTask delay = loop.DelayAsync(TimeSpan.FromDays(1), source.Token);
            await source.CancelAsync();
            OperationCanceledException error = await Assert.ThrowsAsync<OperationCanceledException>(async () => await delay);
            Assert.Equal(source.Token, error.CancellationToken);
            Assert.True(loop.IsCurrent);
        });
    }

    [Fact]
    public async Task Work_that_yields_lets_events_and_others_in_between()
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            bool arrived = false;
            Task reader = Read();
            await client.WriteAsync("x"u8.ToArray());
            int rounds = 0;
            while (!arrived)
            {
                await loop.YieldAsync();
                Assert.True(++rounds < 1_000_000, "Events were starved.");
            }

            await reader;
            client.Dispose();
            server.Dispose();

            async Task Read()
            {
                await server.ReadAsync(new byte[1]);
                arrived = true;
            }
        });
    }

    [Fact]
    public async Task Yielding_and_polling_allocate_nothing()
    {
        await Loops.OnLoop(async loop =>
        {
            for (int i = 0; i < 1_000; i++)
                await loop.YieldAsync();
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 10_000; i++)
                await loop.YieldAsync();
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
        });
    }

    [Fact]
    public async Task A_flush_comes_after_the_work_at_hand_and_before_the_loop_sleeps()
    {
        List<string> order = [];
        using EventLoop loop = EventLoop.Start(0);
        await loop.RunAsync(async () =>
        {
            loop.FlushLater(new Flush(() => order.Add("flush")));
            loop.Post(_ => order.Add("posted"), null);
            order.Add("work");
            await loop.YieldAsync();
            await loop.YieldAsync();
            order.Add("next");
        });

        Assert.Equal(["work", "flush", "posted", "next"], order);
    }

    [Fact]
    public async Task Scratch_memory_nests_and_is_reused()
    {
        await Loops.OnLoop(loop =>
        {
            {
                using ScratchLease outer = loop.RentScratch();
                Assert.True(outer.Span.Length >= 256 * 1024);
                outer.Span[0] = 1;
                for (int i = 0; i < 3; i++)
                {
                    using ScratchLease inner = loop.RentScratch();
                    Assert.False(inner.Span.Overlaps(outer.Span));
                    inner.Span[0] = 2;
                }

                Assert.Equal(1, outer.Span[0]);
            }

            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task An_exception_that_escapes_a_callback_is_logged_with_its_place_and_the_loop_goes_on()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(3, logger: log);
        loop.Post(_ => throw new FormatException("boom"), null);

        await loop.RunAsync(() => Task.CompletedTask);

        string line = Assert.Single(log.Lines);
        Assert.Contains("loop-3", line, StringComparison.Ordinal);
        Assert.Contains(nameof(An_exception_that_escapes_a_callback_is_logged_with_its_place_and_the_loop_goes_on), line, StringComparison.Ordinal);
        Assert.IsType<FormatException>(Assert.Single(log.Exceptions));
    }

    [Fact]
    public async Task A_chunk_kept_across_an_await_is_found_out()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(0, logger: log);
        await loop.RunAsync(async () =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            await client.WriteAsync("x"u8.ToArray());
            await server.WaitForReadAsync();
            server.TryRead(out _);
            await loop.YieldAsync();
            client.Dispose();
            server.Dispose();
        });

        Assert.Contains("Consume", Assert.Single(log.Exceptions).Message, StringComparison.Ordinal);
    }

    private sealed class Flush(Action flush) : ILoopFlush
    {
        void ILoopFlush.Flush() => flush();
    }
}

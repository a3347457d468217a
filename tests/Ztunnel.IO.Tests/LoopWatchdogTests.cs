using System.Runtime.CompilerServices;

namespace Ztunnel.IO.Tests;

public sealed class LoopWatchdogTests
{
    private static readonly TimeSpan Threshold = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task A_method_that_blocks_after_an_await_is_named_once_and_again_when_it_ends()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(5);
        using LoopWatchdog watchdog = new([loop], log, Threshold);
        using ManualResetEventSlim release = new();

        Task work = loop.RunAsync(() => BlockAfterWaiting(loop, release));
        string[] lines = await ReportOf(log, release, work);

        Assert.Equal(2, lines.Length);
        Assert.Matches(@"^loop-5 has been blocked for \d+ ms in LoopWatchdogTests\.BlockAfterWaiting; its thread is sleeping in futex\w*, system call \d+\.$", lines[0]);
        Assert.Matches(@"^loop-5 goes on after being blocked for \d+ ms in LoopWatchdogTests\.BlockAfterWaiting\.$", lines[1]);
    }

    [Fact]
    public async Task A_method_that_blocks_after_a_read_through_other_methods_is_named_itself()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(0);
        using LoopWatchdog watchdog = new([loop], log, Threshold);
        using ManualResetEventSlim release = new();

        Task work = loop.RunAsync(async () =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            Task blocked = BlockAfterReading(server, release);
            await client.WriteAsync("x"u8.ToArray());
            await blocked;
            client.Dispose();
            server.Dispose();
        });
        string[] lines = await ReportOf(log, release, work);

        Assert.Contains("in LoopWatchdogTests.BlockAfterReading;", lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callback_that_spins_is_named_and_shown_running()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(0);
        using LoopWatchdog watchdog = new([loop], log, Threshold);
        bool stop = false;

        loop.Post(_ => Spin(ref stop), null);
        await Loops.OnLoop(other => Loops.Until(other, () => !log.Lines.IsEmpty));
        Volatile.Write(ref stop, true);

        string line = log.Lines.First();
        Assert.Contains($"in LoopWatchdogTests.{nameof(A_callback_that_spins_is_named_and_shown_running)};", line, StringComparison.Ordinal);
        Assert.EndsWith("its thread is running.", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_loop_that_is_busy_with_many_things_or_idle_is_not_reported()
    {
        RecordingLogger log = new();
        using EventLoop busy = EventLoop.Start(0);
        using EventLoop idle = EventLoop.Start(1);
        using LoopWatchdog watchdog = new([busy, idle], log, TimeSpan.FromSeconds(1));

        await busy.RunAsync(async () =>
        {
            long start = TimeProvider.System.GetTimestamp();
            while (TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(1.5))
                await busy.YieldAsync();
        });

        Assert.Empty(log.Lines);
    }

    private static async Task<string[]> ReportOf(RecordingLogger log, ManualResetEventSlim release, Task work)
    {
        await Loops.OnLoop(loop => Loops.Until(loop, () => !log.Lines.IsEmpty));
        release.Set();
        await work.WaitAsync(Loops.Patience);
        await Loops.OnLoop(loop => Loops.Until(loop, () => log.Lines.Count > 1));
        return [.. log.Lines];
    }

    private static async Task BlockAfterWaiting(EventLoop loop, ManualResetEventSlim release)
    {
        ChannelWait wait = new(loop);
        loop.Post(state => ((ChannelWait)state!).Complete(), wait);
        await wait.WaitAsync();
        Block(release);
    }

    private static async Task BlockAfterReading(TcpConnection connection, ManualResetEventSlim release)
    {
        await connection.ReadAsync(new byte[1]);
        Block(release);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Block(ManualResetEventSlim release) => release.Wait(Loops.Patience);

    private static void Spin(ref bool stop)
    {
        while (!Volatile.Read(ref stop))
        {
        }
    }
}

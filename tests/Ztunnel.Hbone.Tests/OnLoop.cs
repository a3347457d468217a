using Ztunnel.IO;

namespace Ztunnel.Hbone.Tests;

/// <summary>Runs a test's work on a loop of its own, with a bound on how long anything may take.</summary>
internal static class OnLoop
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task Run(Func<EventLoop, Task> work, TimeProvider? time = null, TimeSpan? patience = null)
    {
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time ?? TimeProvider.System });
        await loop.RunAsync(() => work(loop)).WaitAsync(patience ?? Patience);
    }

    /// <summary>Waits, turn by turn, for a condition that other work on the loop brings about.</summary>
    public static async Task Until(this EventLoop loop, Func<bool> condition)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, "The condition did not come true in time.");
            await loop.YieldAsync();
        }
    }

    /// <summary>Lets everything that can happen now happen: a number of turns of the loop, whatever is posted in between.</summary>
    public static async Task Settle(this EventLoop loop)
    {
        for (int turn = 0; turn < 20; turn++)
            await loop.YieldAsync();
    }
}

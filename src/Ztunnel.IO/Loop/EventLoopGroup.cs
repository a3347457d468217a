using Microsoft.Extensions.Logging;

namespace Ztunnel.IO;

/// <summary>The worker loops of a process.</summary>
public sealed class EventLoopGroup : IDisposable
{
    private readonly EventLoop[] _loops;

    private EventLoopGroup(EventLoop[] loops) => _loops = loops;

    /// <summary>The loops, by index.</summary>
    public IReadOnlyList<EventLoop> Loops => _loops;

    /// <summary>Starts <paramref name="count"/> loops; see <see cref="EventLoop.Start"/>.</summary>
    public static EventLoopGroup Start(int count, EventLoopOptions? options = null, ILogger? logger = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        EventLoop[] loops = new EventLoop[count];
        for (int index = 0; index < count; index++)
            loops[index] = EventLoop.Start(index, options, logger);
        return new EventLoopGroup(loops);
    }

    /// <summary>The loop with the fewest connections now. Safe from any thread.</summary>
    public EventLoop LeastLoaded() => _loops.MinBy(loop => loop.Load)!;

    /// <summary>
    /// Completes once each loop has come round to what is posted now: none of them is stuck. While one is, it does not complete.
    /// Safe from any thread.
    /// </summary>
    public Task Turn()
    {
        var turns = new TaskCompletionSource[_loops.Length];
        for (int index = 0; index < turns.Length; index++)
        {
            turns[index] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            // A loop that has stopped has nothing left to do.
            if (!_loops[index].TryPost(static turn => ((TaskCompletionSource)turn!).TrySetResult(), turns[index]))
                turns[index].TrySetResult();
        }

        return Task.WhenAll(turns.Select(turn => turn.Task));
    }

    /// <summary>Stops all loops and waits for their threads; see <see cref="EventLoop.Dispose"/>.</summary>
    public void Dispose()
    {
        foreach (EventLoop loop in _loops)
            loop.Dispose();
    }
}

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

    /// <summary>Stops all loops and waits for their threads; see <see cref="EventLoop.Dispose"/>.</summary>
    public void Dispose()
    {
        foreach (EventLoop loop in _loops)
            loop.Dispose();
    }
}

namespace Ztunnel.IO;

/// <summary>
/// One worker thread around one edge-triggered epoll. Everything a connection needs lives on one loop and nothing is
/// shared between loops, so code on a loop takes no lock. Code on the loop is ordinary async/await: an await that leaves
/// (a task of the thread pool) comes back to the loop through its <see cref="SynchronizationContext"/>.
/// </summary>
public sealed class EventLoop : IDisposable
{
    /// <summary>The loop whose thread is running, or null on any other thread.</summary>
    public static EventLoop? Current => throw new NotImplementedException();

    /// <summary>Position of this loop among its siblings, from 0; also in its thread's name.</summary>
    public int Index => throw new NotImplementedException();

    /// <summary>True on this loop's own thread.</summary>
    public bool IsCurrent => throw new NotImplementedException();

    /// <summary>Connections assigned to this loop and not yet closed: what accept balancing looks at. Safe from any thread.</summary>
    public int Load => throw new NotImplementedException();

    /// <summary>Runs <paramref name="callback"/> on the loop, soon, in the order posted. Safe from any thread.</summary>
    public void Post(Action<object?> callback, object? state) => throw new NotImplementedException();

    /// <summary>Runs asynchronous work on the loop and reports its end to the caller. Safe from any thread.</summary>
    public Task RunAsync(Func<Task> work) => throw new NotImplementedException();

    /// <summary>Calls <see cref="ILoopFlush.Flush"/> once, after the events at hand and before the loop sleeps: where small writes are gathered.</summary>
    public void FlushLater(ILoopFlush target) => throw new NotImplementedException();

    /// <summary>Runs <paramref name="callback"/> on the loop after <paramref name="delay"/>; dispose the timer to cancel. Loop thread only.</summary>
    public LoopTimer Schedule(TimeSpan delay, Action<object?> callback, object? state) => throw new NotImplementedException();

    /// <summary>Completes on the loop after <paramref name="delay"/>. Loop thread only.</summary>
    public ValueTask DelayAsync(TimeSpan delay, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Completes after the events at hand were served: how long work gives others their turn. Loop thread only.</summary>
    public ValueTask YieldAsync() => throw new NotImplementedException();

    /// <summary>Lends a large pinned buffer (at least 128 KiB); loans nest, last in first out. Loop thread only.</summary>
    public ScratchLease RentScratch() => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}

/// <summary>Something that gathers small writes and sends them once an iteration.</summary>
public interface ILoopFlush
{
    /// <summary>Sends what was gathered. Called on the loop.</summary>
    void Flush();
}

/// <summary>A pending call of <see cref="EventLoop.Schedule"/>.</summary>
public sealed class LoopTimer : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => throw new NotImplementedException();
}

/// <summary>A loan of scratch memory; dispose it to give it back.</summary>
public readonly ref struct ScratchLease
{
    /// <summary>The memory.</summary>
    public Span<byte> Span => throw new NotImplementedException();

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => throw new NotImplementedException();
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Ztunnel.IO;

/// <summary>
/// One worker thread around one edge-triggered epoll. Everything a connection needs lives on one loop and nothing is
/// shared between loops, so code on a loop takes no lock. Code on the loop is ordinary async/await: an await that leaves
/// (a task of the thread pool) comes back to the loop through its <see cref="SynchronizationContext"/>; an await of a
/// channel, a yield or a delay never leaves it and continues inline.
/// </summary>
/// <remarks>
/// One iteration: the events at hand, timers that are due, what was posted before the iteration, those that yielded, the
/// flushes; then sleep. An exception that escapes a callback is logged and the loop goes on; a loop started without a
/// logger lets it end the process, as on any thread. Start loops from a thread in the process's own network namespace.
/// </remarks>
public sealed partial class EventLoop : IDisposable
{
    private static readonly Action<object?> Nothing = static _ => { };
    private static readonly Action<object?> StopHandler = static state => ((IEpollHandler)state!).OnLoopStopping();
    private static readonly Action<object?> CancelDelay = static state => ((ChannelWait)state!).Cancel();

    [ThreadStatic]
    private static EventLoop? _current;

    private readonly Thread _thread;
    private readonly ILogger? _logger;
    private readonly EventLoopOptions _options;
    private readonly Epoll _epoll;
    private readonly LoopWakeUp _wakeUp;
    private readonly LoopClock _clock;
    private readonly ScratchStack _scratch;
    private readonly ConcurrentQueue<WorkItem> _posted = new();
    private readonly YieldQueue _yields;
    private readonly HashSet<LoopOperation> _operations = [];
    private List<ILoopFlush> _flushes = [];
    private List<ILoopFlush> _flushing = [];
    private int _load;
    private int _posting;
    private volatile bool _stopping;
    private volatile bool _stopped;
    private long _progress;
    private object? _running;
    private object? _runningAwaiter;

    private EventLoop(int index, EventLoopOptions options, ILogger? logger)
    {
        Index = index;
        _options = options;
        _logger = logger;
        _epoll = new Epoll(options.EventBatch);
        _wakeUp = new LoopWakeUp(_epoll);
        _clock = new LoopClock(options.TimeProvider, () => Post(Nothing, null));
        _scratch = new ScratchStack(options.ScratchSize);
        _yields = new YieldQueue();
        Buffers = new LoopBuffers(this);
        Pipes = new SplicePipes(this);
        _thread = new Thread(Run) { IsBackground = true, Name = $"{options.ThreadName}{index}" };
    }

    /// <summary>The loop whose thread is running, or null on any other thread.</summary>
    public static EventLoop? Current => _current;

    /// <summary>Position of this loop among its siblings, from 0; also in its thread's name.</summary>
    public int Index { get; }

    /// <summary>True on this loop's own thread.</summary>
    public bool IsCurrent => Environment.CurrentManagedThreadId == _thread.ManagedThreadId;

    /// <summary>Connections assigned to this loop and not yet closed: what accept balancing looks at. Safe from any thread.</summary>
    public int Load => Volatile.Read(ref _load);

    /// <summary>How many times round the loop has been: two moments of one iteration have one number. Loop thread only.</summary>
    public long Iteration { get; private set; }

    /// <summary>Blocks for bytes that outlive the scratch memory. Loop thread only.</summary>
    public LoopBuffers Buffers { get; }

    /// <summary>The clock the loop's timers go by.</summary>
    public TimeProvider TimeProvider => _options.TimeProvider;

    /// <summary>Name of the loop's thread.</summary>
    public string Name => _thread.Name!;

    internal ILogger? Logger => _logger;

    /// <summary>Pipes that connections of this loop are spliced through.</summary>
    internal SplicePipes Pipes { get; }

    /// <summary>True once the end was asked for.</summary>
    internal bool IsStopping => _stopping;

    internal Epoll Epoll => _epoll;

    internal ScratchStack Scratch => _scratch;

    /// <summary>Size of one scratch buffer in bytes.</summary>
    internal int ScratchSize => _options.ScratchSize;

    /// <summary>True during <see cref="ILoopFlush.Flush"/>: there is nothing more to gather, so a layer below sends at once.</summary>
    internal bool IsFlushing { get; private set; }

    /// <summary>The kernel's number of the loop's thread; 0 until it runs.</summary>
    internal int ThreadId { get; private set; }

    /// <summary>Odd while something is being run, and another number for each thing run.</summary>
    internal long Progress => Volatile.Read(ref _progress);

    /// <summary>What is being run: a handler, a callback, a state machine.</summary>
    internal object? Running => Volatile.Read(ref _running);

    /// <summary>What awaits that and runs once it has ended, if known.</summary>
    internal object? RunningAwaiter => Volatile.Read(ref _runningAwaiter);

    /// <summary>Starts a loop on a thread of its own.</summary>
    /// <param name="index">Position among its siblings.</param>
    /// <param name="options">Clock and sizes; null for the defaults.</param>
    /// <param name="logger">Where escaped exceptions are logged; null lets them end the process.</param>
    public static EventLoop Start(int index, EventLoopOptions? options = null, ILogger? logger = null)
    {
        EventLoop loop = new(index, options ?? new EventLoopOptions(), logger);
        loop._thread.UnsafeStart();
        return loop;
    }

    /// <summary>Runs <paramref name="callback"/> on the loop, soon, in the order posted. Safe from any thread; nothing happens once the loop has stopped.</summary>
    public void Post(Action<object?> callback, object? state)
    {
        ArgumentNullException.ThrowIfNull(callback);
        TryPost(callback, state);
    }

    /// <summary><see cref="Post"/> that tells false when the loop has stopped.</summary>
    public bool TryPost(Action<object?> callback, object? state) => TryPost(new WorkItem(callback, state));

    /// <summary>
    /// Runs asynchronous work on the loop and reports its end to the caller; it fails with
    /// <see cref="ObjectDisposedException"/> when the loop stops first. Safe from any thread.
    /// </summary>
    public Task RunAsync(Func<Task> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return RunAsync(async () =>
        {
            await work();
            return true;
        });
    }

    /// <inheritdoc cref="RunAsync(Func{Task})"/>
    public Task<T> RunAsync<T>(Func<Task<T>> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        LoopOperation<T> operation = new(work, _operations);
        if (!TryPost(LoopOperation.Start, operation))
            operation.Abandon();
        return operation.Task;
    }

    /// <summary>
    /// Calls <see cref="ILoopFlush.Flush"/> once for each call of this, after the events at hand and before the loop sleeps:
    /// where small writes are gathered. A target that asks during a flush has its turn in the next iteration. Loop thread only.
    /// </summary>
    public void FlushLater(ILoopFlush target)
    {
        AssertCurrent();
        _flushes.Add(target);
    }

    /// <summary>Runs <paramref name="callback"/> on the loop after <paramref name="delay"/>; dispose the timer to cancel. Loop thread only.</summary>
    public LoopTimer Schedule(TimeSpan delay, Action<object?> callback, object? state)
    {
        AssertCurrent();
        return _clock.Schedule(delay, callback, state);
    }

    /// <summary>Completes on the loop after <paramref name="delay"/>; cancelled when the loop stops. Loop thread only.</summary>
    public async ValueTask DelayAsync(TimeSpan delay, CancellationToken cancellationToken = default)
    {
        ChannelWait wait = new(this);
        using LoopTimer timer = Schedule(delay, static state => ((ChannelWait)state!).Complete(), wait);
        await wait.WaitAsync(cancellationToken);
    }

    /// <summary>Completes after the events at hand were served: how long work gives others their turn. Allocates nothing. Loop thread only.</summary>
    public ValueTask YieldAsync()
    {
        AssertCurrent();
        return new ValueTask(_yields, 0);
    }

    /// <summary>Lends a large pinned buffer (256 KiB and the headroom by default); loans nest, last in first out. Loop thread only.</summary>
    public ScratchLease RentScratch()
    {
        AssertCurrent();
        return new ScratchLease(_scratch);
    }

    /// <summary>
    /// Stops the loop: channels still open are aborted, waits are woken, pending delays cancelled, and what was posted is
    /// run a last time. Returns when the thread has ended, except on the loop itself, where it only asks for the end.
    /// </summary>
    public void Dispose()
    {
        _stopping = true;
        _wakeUp.Ring();
        if (!IsCurrent)
            _thread.Join();
    }

    internal bool TryPost(WorkItem item)
    {
        if (IsCurrent)
        {
            if (!_stopped)
                _posted.Enqueue(item);
            return !_stopped;
        }

        // A loop that stops waits for whoever is between these two, so that what was taken is run.
        Interlocked.Increment(ref _posting);
        bool taken = !_stopped;
        if (taken)
        {
            _posted.Enqueue(item);
            _wakeUp.Ring();
        }

        Interlocked.Decrement(ref _posting);
        return taken;
    }

    /// <summary>Continues something in the next round of yields.</summary>
    internal void Resume(Action<object?> continuation, object? state) => _yields.Add(new WorkItem(continuation, state));

    /// <summary>Runs a continuation inline, noting for the watchdog whose it is.</summary>
    internal void Continue(Action<object?> continuation, object? state)
    {
        object? outer = _running;
        object? outerAwaiter = _runningAwaiter;
        _running = state;
        _runningAwaiter = Awaiter.Of(state);
        continuation(state);
        _running = outer;
        _runningAwaiter = outerAwaiter;
    }

    internal void AddLoad(int connections) => Interlocked.Add(ref _load, connections);

    /// <summary>Throws when the caller is on another thread. Debug builds only: it guards every call on the data path.</summary>
    [Conditional("DEBUG")]
    internal void AssertCurrent([CallerMemberName] string? caller = null)
    {
        if (!IsCurrent)
            throw new InvalidOperationException($"{caller} must be called on the thread of {Name}.");
    }
}

using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// One side of a channel, reading or writing, for callers on any thread: tried at once when the caller is on the channel's
/// loop, carried to the loop otherwise. It completes on the loop and continues its caller inline, without a synchronization
/// context, so that what awaits it there never leaves the thread. One operation at a time; none allocates. A token ends the
/// operation and not the wait for the channel below, which may be older than the operation and serves the next one.
/// </summary>
internal abstract class ChannelOperation<T> : IValueTaskSource<T>, IValueTaskSource
{
    /// <summary>How much may move before the loop's other connections have their turn.</summary>
    private const int TurnBytes = 512 * 1024;

    /// <summary>What one operation costs beside its bytes, in bytes.</summary>
    private const int TurnCost = 8 * 1024;

    private static readonly Action<object?> StartOnLoop = static state => ((ChannelOperation<T>)state!).Start();
    private static readonly Action<object?> CallOffOnLoop = static state => ((ChannelOperation<T>)state!).CallOff();
    private static readonly Action<object?> Cancelled = static state => ((ChannelOperation<T>)state!).OnCancelled();

    private readonly Action _continue;
    private ManualResetValueTaskSourceCore<T> _core;
    private ValueTaskAwaiter _awaiter;
    private CancellationToken _cancellation;
    private CancellationTokenRegistration _registration;
    private long _round;
    private int _left;
    private bool _pending;
    private bool _waiting;
    private bool _yielding;

    protected ChannelOperation(Channel channel)
    {
        Channel = channel;
        _continue = Continue;
    }

    protected Channel Channel { get; }

    /// <summary>Whether somebody waits for the operation's end. Loop thread only.</summary>
    protected bool IsPending => _pending;

    /// <summary>Runs what the subclass has been prepared for.</summary>
    protected ValueTask<T> Run(CancellationToken cancellationToken) =>
        TryAtOnce(cancellationToken, out T result) ? new ValueTask<T>(result) : new ValueTask<T>(this, Begin(cancellationToken));

    /// <summary>The same for callers who want no result.</summary>
    protected ValueTask RunWithoutResult(CancellationToken cancellationToken) =>
        TryAtOnce(cancellationToken, out _) ? ValueTask.CompletedTask : new ValueTask(this, Begin(cancellationToken));

    /// <summary>Tries on the loop; false when the channel has to be waited for. Throws what the caller is to see.</summary>
    /// <param name="result">The outcome.</param>
    /// <param name="moved">Bytes moved, also when it has to be waited for the rest.</param>
    protected abstract bool TryFinish(out T result, out int moved);

    /// <summary>Waits until <see cref="TryFinish"/> may succeed.</summary>
    protected abstract ValueTask Wait();

    /// <summary>What the caller is told when the loop has stopped and nothing can be done any more.</summary>
    protected abstract Exception Stopped();

    /// <summary>Something happened on a channel that is only being watched: <see cref="Watch"/>.</summary>
    protected virtual void Noticed()
    {
    }

    /// <summary>
    /// Waits for the channel although nobody has asked for anything: <see cref="Noticed"/> is told. False when there is nothing
    /// to wait for: something can be had at once. Loop thread only.
    /// </summary>
    protected bool Watch()
    {
        if (_waiting)
            return true;
        ValueTaskAwaiter awaiter = Wait().GetAwaiter();
        if (awaiter.IsCompleted)
        {
            awaiter.GetResult();
            return false;
        }

        Await(awaiter);
        return true;
    }

    /// <summary>Ends an operation that is pending. Loop thread only.</summary>
    protected void Finish(T result)
    {
        if (!TakePending())
            return;
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _core.SetResult(result);
        SynchronizationContext.SetSynchronizationContext(context);
    }

    /// <summary>Ends an operation that is pending, without success. Loop thread only.</summary>
    protected void Fail(Exception exception)
    {
        if (!TakePending())
            return;
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _core.SetException(exception);
        SynchronizationContext.SetSynchronizationContext(context);
    }

    T IValueTaskSource<T>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private bool TryAtOnce(CancellationToken cancellationToken, out T result)
    {
        result = default!;
        cancellationToken.ThrowIfCancellationRequested();
        if (!Channel.Loop.IsCurrent || !MayMove() || _waiting)
            return false;
        bool finished = TryFinish(out result, out int moved);
        _left -= moved + TurnCost;
        return finished;
    }

    /// <summary>Whether anything is left of this turn of the loop.</summary>
    private bool MayMove()
    {
        if (_round != Channel.Loop.Iteration)
        {
            _round = Channel.Loop.Iteration;
            _left = TurnBytes;
        }

        return _left > 0;
    }

    private short Begin(CancellationToken cancellationToken)
    {
        _core.Reset();
        _cancellation = cancellationToken;
        short version = _core.Version;
        if (Channel.Loop.IsCurrent)
            Start();
        else if (!Channel.Loop.TryPost(StartOnLoop, this))
            _core.SetException(Stopped());
        return version;
    }

    private void Start()
    {
        _pending = true;
        if (_waiting)
            HeedCancellation();
        else
            Advance();
    }

    private bool TakePending()
    {
        if (!_pending)
            return false;
        _pending = false;
        _registration.Unregister();
        _registration = default;
        _cancellation = default;
        return true;
    }

    private void HeedCancellation()
    {
        if (_cancellation.CanBeCanceled && _registration == default)
            _registration = _cancellation.UnsafeRegister(Cancelled, this);
    }

    /// <summary>On any thread. A token that belonged to an earlier operation is told apart on the loop.</summary>
    private void OnCancelled() => Channel.Loop.Post(CallOffOnLoop, this);

    private void CallOff()
    {
        if (_pending && _cancellation.IsCancellationRequested)
            Fail(new OperationCanceledException(_cancellation));
    }

    private void Advance()
    {
        try
        {
            while (true)
            {
                if (!MayMove())
                {
                    _yielding = true;
                    HeedCancellation();
                    Await(Channel.Loop.YieldAsync().GetAwaiter());
                    return;
                }

                bool finished = TryFinish(out T result, out int moved);
                _left -= moved + TurnCost;
                if (finished)
                {
                    Finish(result);
                    return;
                }

                ValueTaskAwaiter awaiter = Wait().GetAwaiter();
                if (!awaiter.IsCompleted)
                {
                    HeedCancellation();
                    Await(awaiter);
                    return;
                }

                awaiter.GetResult();
            }
        }
        catch (Exception e) when (_pending)
        {
            Fail(e);
        }
    }

    private void Await(ValueTaskAwaiter awaiter)
    {
        _waiting = true;
        _awaiter = awaiter;
        awaiter.UnsafeOnCompleted(_continue);
    }

    private void Continue()
    {
        _waiting = false;
        if (_yielding)
        {
            _yielding = false;
            _left = TurnBytes;
        }

        _awaiter.GetResult();
        if (_pending)
            Advance();
        else
            Noticed();
    }
}

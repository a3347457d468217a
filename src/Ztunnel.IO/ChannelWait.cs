using System.Threading.Tasks.Sources;

namespace Ztunnel.IO;

/// <summary>
/// One reusable wait of one waiter on a loop: what a channel hands out from <see cref="Channel.WaitForReadAsync"/> and
/// <see cref="Channel.WaitForWriteAsync"/>. Waiting allocates nothing; <see cref="Complete"/> runs the waiter inline, whatever
/// its scheduling context, because both are on the loop. Loop thread only, cancellation apart.
/// </summary>
public sealed class ChannelWait : IValueTaskSource
{
    private readonly EventLoop _loop;
    private Action<object?>? _continuation;
    private object? _state;
    private CancellationTokenRegistration _registration;
    private short _version;
    private Phase _phase;

    /// <summary>A wait whose waiter is continued on <paramref name="loop"/>.</summary>
    public ChannelWait(EventLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        _loop = loop;
    }

    private enum Phase : byte
    {
        Idle,
        Waiting,
        Completed,
        Canceled,
    }

    /// <summary>True while someone waits.</summary>
    public bool IsWaiting => _phase == Phase.Waiting;

    /// <summary>
    /// Begins a wait, to be awaited once. Throws <see cref="InvalidOperationException"/> when someone waits already, and ends
    /// with <see cref="OperationCanceledException"/>, on the loop, when the token is cancelled first.
    /// </summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken = default)
    {
        _loop.AssertCurrent();
        if (_phase == Phase.Waiting)
            throw new InvalidOperationException("Someone waits for this already: at most one reader and one writer may.");
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        _phase = Phase.Waiting;
        _version++;
        _registration = cancellationToken.CanBeCanceled
            ? cancellationToken.UnsafeRegister(static state => ((ChannelWait)state!).PostCancel(), this)
            : default;
        if (!cancellationToken.IsCancellationRequested)
            return new ValueTask(this, _version);

        // Cancelled since it was looked at above: what was registered may have run already, and in vain.
        _registration.Unregister();
        _registration = default;
        _phase = Phase.Idle;
        return ValueTask.FromCanceled(cancellationToken);
    }

    /// <summary>Ends the wait, running the waiter before it returns; nothing when nobody waits.</summary>
    public void Complete()
    {
        if (_phase == Phase.Waiting)
            End(Phase.Completed);
    }

    /// <summary>Ends the wait with <see cref="OperationCanceledException"/>; nothing when nobody waits.</summary>
    public void Cancel()
    {
        if (_phase == Phase.Waiting)
            End(Phase.Canceled);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token)
    {
        Check(token);
        return _phase switch
        {
            Phase.Waiting => ValueTaskSourceStatus.Pending,
            Phase.Canceled => ValueTaskSourceStatus.Canceled,
            _ => ValueTaskSourceStatus.Succeeded,
        };
    }

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        Check(token);
        if (_continuation is not null)
            throw new InvalidOperationException("A wait can be awaited once.");
        if (_phase != Phase.Waiting)
        {
            _loop.Resume(continuation, state);
            return;
        }

        _continuation = continuation;
        _state = state;
    }

    void IValueTaskSource.GetResult(short token)
    {
        Check(token);
        if (_phase == Phase.Waiting)
            throw new InvalidOperationException("The wait has not ended.");
        bool canceled = _phase == Phase.Canceled;
        CancellationToken cause = _registration.Token;
        _registration = default;
        _phase = Phase.Idle;
        if (canceled)
            throw new OperationCanceledException(cause);
    }

    private void End(Phase phase)
    {
        _phase = phase;
        _registration.Unregister();
        if (_continuation is not { } continuation)
            return;
        object? state = _state;
        _continuation = null;
        _state = null;
        _loop.Continue(continuation, state);
    }

    /// <summary>On any thread. A token that belonged to an earlier wait is told apart on the loop.</summary>
    private void PostCancel() => _loop.Post(
        static state =>
        {
            ChannelWait wait = (ChannelWait)state!;
            if (wait._registration.Token.IsCancellationRequested)
                wait.Cancel();
        },
        this);

    private void Check(short token)
    {
        if (token != _version || _phase == Phase.Idle)
            throw new InvalidOperationException("This wait was awaited before.");
    }
}

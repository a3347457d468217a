namespace Ztunnel.IO;

/// <summary>Work handed to a loop whose end someone elsewhere awaits.</summary>
internal abstract class LoopOperation
{
    /// <summary>Posted to the loop with the operation as its state.</summary>
    public static readonly Action<object?> Start = static state => ((LoopOperation)state!).Begin();

    /// <summary>Fails the operation because the loop has stopped.</summary>
    public abstract void Abandon();

    protected abstract void Begin();
}

/// <inheritdoc cref="LoopOperation"/>
internal sealed class LoopOperation<T>(Func<Task<T>> work, HashSet<LoopOperation> running) : LoopOperation
{
    // The awaiting side continues on its own context, never inside our loop's iteration.
    private readonly TaskCompletionSource<T> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Task => _end.Task;

    public override void Abandon() => _end.TrySetException(new ObjectDisposedException(nameof(EventLoop)));

    protected override void Begin() => _ = RunAsync();

    private async Task RunAsync()
    {
        running.Add(this);
        try
        {
            _end.TrySetResult(await work());
        }
        catch (OperationCanceledException exception)
        {
            _end.TrySetCanceled(exception.CancellationToken);
        }
        catch (Exception exception)
        {
            _end.TrySetException(exception);
        }
        finally
        {
            running.Remove(this);
        }
    }
}

using System.Collections.Concurrent;

namespace Ztunnel.Lab;

/// <summary>
/// The thread that all of a lab's processes are started from. The kernel sends a child its parent-death signal when the
/// thread that forked it ends, not the process, so a thread of the pool would not do.
/// </summary>
internal sealed class ProcessThread : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;

    public ProcessThread()
    {
        _thread = new Thread(() =>
        {
            foreach (Action action in _work.GetConsumingEnumerable())
                action();
        })
        { IsBackground = true, Name = "lab-processes" };
        _thread.Start();
    }

    public Task<T> Run<T>(Func<T> work)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            try
            {
                completion.SetResult(work());
            }
#pragma warning disable CA1031 // Whatever it is, it belongs to the caller who waits for the result.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                completion.SetException(exception);
            }
        });
        return completion.Task;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join();
        _work.Dispose();
    }
}

using System.Runtime.CompilerServices;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>Awaited, goes on with the caller on a loop's thread; at once where it is there already.</summary>
internal readonly struct LoopSwitch(EventLoop loop) : ICriticalNotifyCompletion
{
    /// <summary>Whether the caller is there.</summary>
    public bool IsCompleted => loop.IsCurrent;

    /// <summary>The awaiter of itself.</summary>
    public LoopSwitch GetAwaiter() => this;

    /// <summary>Nothing.</summary>
    public void GetResult()
    {
    }

    /// <inheritdoc/>
    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    /// <inheritdoc/>
    public void UnsafeOnCompleted(Action continuation)
    {
        // When the loop has stopped nothing is left to be done there, but the caller has to come to its end.
        if (!loop.TryPost(static state => Continue((Action)state!), continuation))
            ThreadPool.UnsafeQueueUserWorkItem(static action => action(), continuation, preferLocal: false);
    }

    private static void Continue(Action continuation)
    {
        SynchronizationContext? context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        continuation();
        SynchronizationContext.SetSynchronizationContext(context);
    }
}

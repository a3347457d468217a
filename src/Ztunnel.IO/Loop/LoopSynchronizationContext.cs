namespace Ztunnel.IO;

/// <summary>Brings awaits that left the loop (a task of the thread pool) back to it.</summary>
internal sealed class LoopSynchronizationContext(EventLoop loop) : SynchronizationContext
{
    public override void Post(SendOrPostCallback d, object? state) => loop.TryPost(new WorkItem(d, state));

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (!loop.IsCurrent)
            throw new NotSupportedException("Waiting synchronously for an event loop is not supported.");
        d(state);
    }

    public override SynchronizationContext CreateCopy() => this;
}

namespace Ztunnel.IO;

/// <summary>A callback and its state: an <see cref="Action{T}"/> or what a <see cref="SynchronizationContext"/> is handed.</summary>
internal readonly record struct WorkItem(Delegate Callback, object? State)
{
    public void Invoke()
    {
        if (Callback is Action<object?> action)
            action(State);
        else
            ((SendOrPostCallback)Callback)(State);
    }
}

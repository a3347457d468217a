namespace Ztunnel.IO;

/// <summary>A pending call of <see cref="EventLoop.Schedule"/>. Loop thread only.</summary>
public sealed class LoopTimer : IDisposable
{
    private readonly TimerHeap _heap;

    internal LoopTimer(TimerHeap heap, long due, long sequence, Action<object?> callback, object? state)
    {
        _heap = heap;
        Due = due;
        Sequence = sequence;
        Callback = callback;
        State = state;
    }

    /// <summary>True until the call is made or cancelled.</summary>
    public bool IsPending => HeapIndex >= 0;

    internal long Due { get; }

    internal long Sequence { get; }

    internal Action<object?> Callback { get; }

    internal object? State { get; }

    internal int HeapIndex { get; set; } = -1;

    /// <summary>Cancels the call; does nothing after it was made.</summary>
    public void Dispose() => _heap.Remove(this);
}

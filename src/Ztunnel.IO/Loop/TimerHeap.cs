namespace Ztunnel.IO;

/// <summary>
/// A binary heap of timers by due time, then by order of scheduling. A timer knows its place, so cancelling takes it out
/// at once: connect and idle timeouts are nearly always cancelled, and must not pile up until they would have been due.
/// </summary>
internal sealed class TimerHeap
{
    private LoopTimer[] _timers = new LoopTimer[32];
    private long _sequence;

    public int Count { get; private set; }

    /// <summary>The timer due first, or null.</summary>
    public LoopTimer? First => Count > 0 ? _timers[0] : null;

    /// <summary>All pending timers, in no order.</summary>
    public IReadOnlyList<LoopTimer> Pending() => [.. _timers.AsSpan(0, Count)];

    public LoopTimer Add(long due, Action<object?> callback, object? state)
    {
        LoopTimer timer = new(this, due, _sequence++, callback, state);
        if (Count == _timers.Length)
            Array.Resize(ref _timers, Count * 2);
        SiftUp(timer, Count++);
        return timer;
    }

    public void Remove(LoopTimer timer)
    {
        int hole = timer.HeapIndex;
        if (hole < 0)
            return;
        timer.HeapIndex = -1;
        LoopTimer last = _timers[--Count];
        _timers[Count] = null!;
        if (ReferenceEquals(last, timer))
            return;
        if (hole > 0 && Before(last, _timers[(hole - 1) / 2]))
            SiftUp(last, hole);
        else
            SiftDown(last, hole);
    }

    private static bool Before(LoopTimer a, LoopTimer b) => a.Due != b.Due ? a.Due < b.Due : a.Sequence < b.Sequence;

    private void SiftUp(LoopTimer timer, int index)
    {
        while (index > 0 && Before(timer, _timers[(index - 1) / 2]))
        {
            Place(_timers[(index - 1) / 2], index);
            index = (index - 1) / 2;
        }

        Place(timer, index);
    }

    private void SiftDown(LoopTimer timer, int index)
    {
        while (true)
        {
            int child = (2 * index) + 1;
            if (child >= Count)
                break;
            if (child + 1 < Count && Before(_timers[child + 1], _timers[child]))
                child++;
            if (!Before(_timers[child], timer))
                break;
            Place(_timers[child], index);
            index = child;
        }

        Place(timer, index);
    }

    private void Place(LoopTimer timer, int index)
    {
        _timers[index] = timer;
        timer.HeapIndex = index;
    }
}

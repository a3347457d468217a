namespace Ztunnel.IO;

/// <summary>
/// A loop's timers against a <see cref="TimeProvider"/>. With the system's clock the loop sleeps just until the next timer;
/// with any other (a test's), the provider's own timer wakes the loop, so that advancing the provider is all it takes.
/// </summary>
internal sealed class LoopClock : IDisposable
{
    private readonly TimeProvider _provider;
    private readonly ITimer? _alarm;
    private readonly TimerHeap _heap = new();
    private long _alarmDue = long.MaxValue;

    public LoopClock(TimeProvider provider, Action wake)
    {
        _provider = provider;
        if (provider != TimeProvider.System)
            _alarm = provider.CreateTimer(_ => wake(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public LoopTimer Schedule(TimeSpan delay, Action<object?> callback, object? state)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(delay, TimeSpan.Zero);
        return _heap.Add(_provider.GetTimestamp() + ToTimestamp(delay), callback, state);
    }

    /// <summary>Milliseconds epoll may sleep: 0 when a timer is due, -1 when only an event can end the sleep.</summary>
    public int SleepMilliseconds()
    {
        if (_heap.First is not { } first)
            return -1;
        long now = _provider.GetTimestamp();
        if (first.Due <= now)
            return 0;
        TimeSpan left = _provider.GetElapsedTime(now, first.Due);
        if (_alarm is null)
            return (int)Math.Min(Math.Ceiling(left.TotalMilliseconds), int.MaxValue);
        if (_alarmDue != first.Due)
        {
            _alarmDue = first.Due;
            // GetElapsedTime rounds down; an alarm a fraction of a tick early would find nothing due and not ring again.
            if (now + ToTimestamp(left) < first.Due)
                left += TimeSpan.FromTicks(1);
            _alarm.Change(left, Timeout.InfiniteTimeSpan);
        }

        // The provider may have been advanced between reading it and setting the alarm.
        return first.Due <= _provider.GetTimestamp() ? 0 : -1;
    }

    /// <summary>Takes the next due timer out, or returns null.</summary>
    public LoopTimer? TakeDue(long now)
    {
        if (_heap.First is not { } first || first.Due > now)
            return null;
        first.Dispose();
        _alarmDue = long.MaxValue;
        return first;
    }

    public bool HasTimers => _heap.Count > 0;

    public long Now => _provider.GetTimestamp();

    public IReadOnlyList<LoopTimer> Pending() => _heap.Pending();

    public void Dispose() => _alarm?.Dispose();

    private long ToTimestamp(TimeSpan delay)
    {
        long frequency = _provider.TimestampFrequency;
        if (frequency % TimeSpan.TicksPerSecond != 0)
            return (long)((Int128)delay.Ticks * frequency / TimeSpan.TicksPerSecond);
        long perTick = frequency / TimeSpan.TicksPerSecond;
        // A delay of centuries means never; it must not overflow into the past.
        return Math.Min(delay.Ticks, long.MaxValue / 4 / perTick) * perTick;
    }
}

namespace Ztunnel.Testing;

/// <summary>
/// A clock that moves only when told, with timers that fire while it moves. Stands in for
/// Microsoft.Extensions.TimeProvider.Testing. Safe from any thread.
/// </summary>
public sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<ManualTimer> _armed = [];
    private DateTimeOffset _now;
    private int _timersArmed;

    /// <summary>Starts at a moment of no importance, or at the one given.</summary>
    public ManualTime(DateTimeOffset? start = null) =>
        _now = start ?? new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Timers that wait to fire.</summary>
    public int ArmedTimers
    {
        get
        {
            lock (_gate)
                return _armed.Count;
        }
    }

    /// <summary>How often any timer was armed so far: grows when code under test has come round to waiting again.</summary>
    public int TimersArmed => Volatile.Read(ref _timersArmed);

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
            return _now;
    }

    /// <inheritdoc/>
    public override long GetTimestamp() => GetUtcNow().Ticks;

    /// <summary>Moves the clock, firing what falls due on the way in its order, each at its own moment, on this thread.</summary>
    public void Advance(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        DateTimeOffset end = GetUtcNow() + by;
        while (TakeDue(end) is { } due)
            due.Fire();
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private ManualTimer? TakeDue(DateTimeOffset end)
    {
        lock (_gate)
        {
            ManualTimer? first = _armed.MinBy(timer => timer.Due);
            if (first is null || first.Due > end)
            {
                _now = end;
                return null;
            }

            if (first.Due > _now)
                _now = first.Due;
            if (first.Period > TimeSpan.Zero)
                first.Due += first.Period;
            else
                _armed.Remove(first);
            return first;
        }
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public DateTimeOffset Due { get; set; }

        public TimeSpan Period { get; private set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                if (_disposed)
                    return false;
                time._armed.Remove(this);
                if (dueTime == Timeout.InfiniteTimeSpan)
                    return true;
                Due = time._now + dueTime;
                Period = period;
                time._armed.Add(this);
                Interlocked.Increment(ref time._timersArmed);
                return true;
            }
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                _disposed = true;
                time._armed.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}

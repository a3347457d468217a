namespace Ztunnel.Kubernetes;

/// <summary>A token bucket: so many at once, so many a second in the long run. Those who wait are served in turn. Safe from any thread.</summary>
internal sealed class RequestRate(double perSecond, int burst, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _interval = TimeSpan.FromSeconds(1 / perSecond);

    // When the bucket would be full again.
    private DateTimeOffset _full = DateTimeOffset.MinValue;

    /// <summary>Takes one from the bucket, now or when it is its turn.</summary>
    public Task Wait(CancellationToken cancellationToken)
    {
        TimeSpan delay = Take();
        return delay > TimeSpan.Zero ? Task.Delay(delay, time, cancellationToken) : Task.CompletedTask;
    }

    /// <summary>Takes one if there is one.</summary>
    public bool TryTake()
    {
        lock (_lock)
        {
            if (Delay(time.GetUtcNow()) > TimeSpan.Zero)
                return false;
            Take();
            return true;
        }
    }

    private TimeSpan Take()
    {
        lock (_lock)
        {
            DateTimeOffset now = time.GetUtcNow();
            TimeSpan delay = Delay(now);
            _full = (_full > now ? _full : now) + _interval;
            return delay;
        }
    }

    private TimeSpan Delay(DateTimeOffset now) => _full > now ? _full + _interval - now - (_interval * burst) : TimeSpan.Zero;
}

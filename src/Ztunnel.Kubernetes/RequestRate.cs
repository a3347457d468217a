namespace Ztunnel.Kubernetes;

/// <summary>
/// A token bucket: so many at once, so many a second in the long run. Those who wait are served in turn, and who waits no longer leaves
/// its turn to the next. Safe from any thread.
/// </summary>
internal sealed class RequestRate(double perSecond, int burst, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _interval = TimeSpan.FromSeconds(1 / perSecond);
    private readonly LinkedList<Waiter> _waiting = new();

    // When the bucket would be full again.
    private DateTimeOffset _full = DateTimeOffset.MinValue;
    private bool _serving;

    /// <summary>Takes one from the bucket, now or when it is its turn.</summary>
    public Task Wait(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled(cancellationToken);
        lock (_lock)
        {
            if (TryTakeNow())
                return Task.CompletedTask;
            LinkedListNode<Waiter> waiter = _waiting.AddLast(new Waiter());
            waiter.Value.Leaving = cancellationToken.Register(() => Leave(waiter, cancellationToken));
            if (!_serving)
            {
                _serving = true;
                _ = Serve();
            }

            return waiter.Value.Turn.Task;
        }
    }

    /// <summary>Takes one if there is one.</summary>
    public bool TryTake()
    {
        lock (_lock)
            return TryTakeNow();
    }

    private bool TryTakeNow()
    {
        DateTimeOffset now = time.GetUtcNow();
        if (_waiting.Count > 0 || Delay(now) > TimeSpan.Zero)
            return false;
        Take(now);
        return true;
    }

    /// <summary>Gives turns until nobody waits.</summary>
    private async Task Serve()
    {
        while (GiveTurns() is { } wait)
            await Task.Delay(wait, time).ConfigureAwait(false);
    }

    /// <summary>Serves those whose turn it is; how long the next has to wait, or null where there is none.</summary>
    private TimeSpan? GiveTurns()
    {
        lock (_lock)
        {
            while (_waiting.First is { } first)
            {
                DateTimeOffset now = time.GetUtcNow();
                if (Delay(now) is var delay && delay > TimeSpan.Zero)
                    return delay;
                Take(now);
                _waiting.Remove(first);
                first.Value.Turn.SetResult();
                // Not disposed of, which could wait for one who is about to leave, and so for us.
                first.Value.Leaving.Unregister();
            }

            _serving = false;
            return null;
        }
    }

    private void Leave(LinkedListNode<Waiter> waiter, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (waiter.List is null)
                return;
            _waiting.Remove(waiter);
        }

        waiter.Value.Turn.SetCanceled(cancellationToken);
    }

    private void Take(DateTimeOffset now) => _full = (_full > now ? _full : now) + _interval;

    private TimeSpan Delay(DateTimeOffset now) => _full > now ? _full + _interval - now - (_interval * burst) : TimeSpan.Zero;

    private sealed class Waiter
    {
        public TaskCompletionSource Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationTokenRegistration Leaving { get; set; }
    }
}

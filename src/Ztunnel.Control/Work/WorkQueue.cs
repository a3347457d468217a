using Microsoft.Extensions.Logging;

namespace Ztunnel.Control;

/// <summary>
/// What there is to do, by what it is about: something that is asked for again before it was begun is done once, what is being done
/// is not begun a second time beside, and what fails is tried again after growing waits. Safe from any thread.
/// </summary>
internal sealed partial class WorkQueue<TKey>(TimeProvider time, ILogger logger)
    where TKey : notnull
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, DateTimeOffset> _due = [];
    private readonly PriorityQueue<TKey, DateTimeOffset> _order = new();
    private readonly HashSet<TKey> _running = [];
    private readonly Dictionary<TKey, int> _failures = [];
    private TaskCompletionSource _changed = Signal();

    /// <summary>Asks for something to be done after a delay, in which it may be asked for again; a nearer time that was asked for before stays.</summary>
    public void Add(TKey key, TimeSpan delay = default)
    {
        DateTimeOffset at = time.GetUtcNow() + delay;
        lock (_lock)
        {
            if (_due.TryGetValue(key, out DateTimeOffset before) && before <= at)
                return;
            _due[key] = at;
            _order.Enqueue(key, at);
            _changed.TrySetResult();
        }
    }

    /// <summary>Forgets everything that was asked for, and what failed.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _due.Clear();
            _order.Clear();
            _failures.Clear();
        }
    }

    /// <summary>Does what is due, so many things at once, until cancelled. Returns when nothing is being done any more.</summary>
    public async Task Run(int workers, Func<TKey, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Task.Run(() => Serve(work, cancellationToken), CancellationToken.None)));
    }

    private static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task Serve(Func<TKey, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            (bool found, TKey? key, TimeSpan? wait, Task changed) = Take();
            if (found)
            {
                await Do(key!, work, cancellationToken);
                continue;
            }

            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task due = wait is { } delay ? Task.Delay(delay, time, timer.Token) : Task.Delay(Timeout.InfiniteTimeSpan, timer.Token);
            await Task.WhenAny(changed, due);
            await timer.CancelAsync();
        }
    }

    /// <summary>The next thing that is due, or how long it is until then.</summary>
    private (bool Found, TKey? Key, TimeSpan? Wait, Task Changed) Take()
    {
        lock (_lock)
        {
            if (_changed.Task.IsCompleted)
                _changed = Signal();
            var blocked = new List<(TKey Key, DateTimeOffset At)>();
            try
            {
                while (_order.TryPeek(out TKey? key, out DateTimeOffset at))
                {
                    if (!_due.TryGetValue(key, out DateTimeOffset asked) || asked != at)
                    {
                        _order.Dequeue();
                        continue;
                    }

                    if (at > time.GetUtcNow())
                        return (false, default, at - time.GetUtcNow(), _changed.Task);
                    _order.Dequeue();
                    if (_running.Contains(key))
                    {
                        blocked.Add((key, at));
                        continue;
                    }

                    _due.Remove(key);
                    _running.Add(key);
                    return (true, key, null, _changed.Task);
                }

                return (false, default, null, _changed.Task);
            }
            finally
            {
                foreach ((TKey key, DateTimeOffset at) in blocked)
                    _order.Enqueue(key, at);
            }
        }
    }

    private async Task Do(TKey key, Func<TKey, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        TimeSpan? again = null;
        try
        {
            await work(key, cancellationToken);
            lock (_lock)
                _failures.Remove(key);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Whoever goes on later begins with everything.
        }
        catch (Exception error)
        {
            again = Failed(key, error);
        }

        lock (_lock)
        {
            _running.Remove(key);
            _changed.TrySetResult();
        }

        if (again is { } wait)
            Add(key, wait);
    }

    private TimeSpan Failed(TKey key, Exception error)
    {
        int failures;
        lock (_lock)
            _failures[key] = failures = _failures.GetValueOrDefault(key) + 1;
        double wait = Math.Min(FirstWait.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 16)), LongestWait.TotalSeconds);
        // Spread, so that what failed together does not come back together.
        var spread = TimeSpan.FromSeconds(wait * (0.5 + (Random.Shared.NextDouble() / 2)));
        if (error is IOException)
            LogFailed(key, error.Message, spread);
        else
            LogFault(error, key, spread);
        return spread;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Key}: {Reason}; trying again in {Wait}")]
    private partial void LogFailed(TKey key, string reason, TimeSpan wait);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Key} could not be dealt with; trying again in {Wait}")]
    private partial void LogFault(Exception error, TKey key, TimeSpan wait);
}

namespace Ztunnel.Diagnostics.Tests;

/// <summary>Time whose timers run out when the test says so.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly TaskCompletionSource<Timer> _timer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(() => callback(state));
        _timer.TrySetResult(timer);
        return timer;
    }

    public async Task FireTimers(CancellationToken cancellationToken) => (await _timer.Task.WaitAsync(cancellationToken)).Fire();

    private sealed class Timer(Action fire) : ITimer
    {
        public void Fire() => fire();

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
            // Nothing runs by itself.
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

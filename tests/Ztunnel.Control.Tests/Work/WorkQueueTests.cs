using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

public sealed class WorkQueueTests : IAsyncDisposable
{
    private readonly ManualTime _time = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly WorkQueue<string> _queue;
    private readonly Lock _lock = new();
    private readonly List<string> _done = [];
    private Task _running = Task.CompletedTask;

    public WorkQueueTests() => _queue = new WorkQueue<string>(_time, NullLogger.Instance);

    private int Done
    {
        get
        {
            lock (_lock)
                return _done.Count;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    [Fact]
    public async Task What_is_asked_for_twice_before_it_is_begun_is_done_once()
    {
        _queue.Add("a", TimeSpan.FromSeconds(5));
        _queue.Add("a", TimeSpan.FromSeconds(9));
        _queue.Add("b", TimeSpan.FromSeconds(6));
        Run((_, _) => Task.CompletedTask);
        await Eventually.Holds(() => _time.ArmedTimers >= 1);
        _time.Advance(TimeSpan.FromSeconds(5));
        await Eventually.Holds(() => Done == 1);
        await AdvanceUntil(() => Done == 2);
        _time.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal("a b", string.Join(" ", _done));
    }

    [Fact]
    public async Task What_is_under_way_is_not_begun_beside_and_done_again_afterwards()
    {
        var gate = new TaskCompletionSource();
        int atOnce = 0, most = 0;
        Run(async (_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref atOnce));
            await gate.Task;
            Interlocked.Decrement(ref atOnce);
        });
        _queue.Add("a");
        await Eventually.Holds(() => Volatile.Read(ref atOnce) == 1);
        _queue.Add("a");
        _queue.Add("b");
        await Eventually.Holds(() => Volatile.Read(ref atOnce) == 2);
        gate.SetResult();
        await Eventually.Holds(() => Done == 3);
        Assert.Equal("a a b", string.Join(" ", _done.Order(StringComparer.Ordinal)));
        Assert.Equal(2, most);
    }

    [Fact]
    public async Task What_fails_is_tried_again_after_growing_waits()
    {
        int tries = 0;
        var at = new List<DateTimeOffset>();
        Run((_, _) =>
        {
            at.Add(_time.GetUtcNow());
            return ++tries < 4 ? throw new IOException("not yet") : Task.CompletedTask;
        });
        _queue.Add("a");
        await AdvanceUntil(() => Done == 1);
        Assert.Equal(4, tries);
        Assert.True(at[3] - at[2] > at[1] - at[0]);
    }

    [Fact]
    public async Task A_stop_ends_what_is_under_way_and_begins_nothing_more()
    {
        var begun = new TaskCompletionSource();
        Run(async (_, cancelled) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        });
        _queue.Add("a");
        await begun.Task;
        await _stop.CancelAsync();
        await _running.WaitAsync(Eventually.Deadline);
        _queue.Add("b");
        Assert.Equal(0, Done);
    }

    private void Run(Func<string, CancellationToken, Task> work) => _running = _queue.Run(
        2,
        async (key, cancelled) =>
        {
            await work(key, cancelled);
            lock (_lock)
                _done.Add(key);
        },
        _stop.Token);

    private async Task AdvanceUntil(Func<bool> condition) => await Eventually.Holds(() =>
    {
        if (condition())
            return true;
        _time.Advance(TimeSpan.FromMilliseconds(50));
        return false;
    });
}

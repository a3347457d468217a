namespace Ztunnel.Control;

/// <summary>Lets so many go at once; of those who wait, one of each lane after another, so that a long line holds up only itself.</summary>
internal sealed class FairTurns(int atOnce)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Queue<TaskCompletionSource>> _waiting = new(StringComparer.Ordinal);

    // The lanes in which anybody waits, each once.
    private readonly Queue<string> _next = new();
    private int _free = atOnce;

    /// <summary>Waits for a turn, to be ended by <see cref="Release"/>.</summary>
    public async Task Wait(string lane, CancellationToken cancellationToken)
    {
        var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_free > 0)
            {
                _free--;
                return;
            }

            if (!_waiting.TryGetValue(lane, out Queue<TaskCompletionSource>? line))
            {
                _waiting[lane] = line = new Queue<TaskCompletionSource>();
                _next.Enqueue(lane);
            }

            line.Enqueue(turn);
        }

        await using CancellationTokenRegistration given = cancellationToken.Register(() => turn.TrySetCanceled(cancellationToken));
        await turn.Task;
    }

    /// <summary>A turn is over: the next has one.</summary>
    public void Release()
    {
        lock (_gate)
        {
            while (_next.TryDequeue(out string? lane))
            {
                Queue<TaskCompletionSource> line = _waiting[lane];
                // False for one that waits no longer.
                bool given = line.Dequeue().TrySetResult();
                if (line.Count > 0)
                    _next.Enqueue(lane);
                else
                    _waiting.Remove(lane);
                if (given)
                    return;
            }

            _free++;
        }
    }
}

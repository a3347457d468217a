namespace Ztunnel.Capture;

/// <summary>Lets work through while it is open; closing it waits for what is under way.</summary>
internal sealed class Gate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _closed;
    private TaskCompletionSource? _empty;
    private int _inside;

    /// <summary>Waits until it is open; dispose what is returned when the work is done.</summary>
    public async Task<Passage> Enter(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task open;
            lock (_lock)
            {
                if (_closed is null)
                {
                    _inside++;
                    return new Passage(this);
                }

                open = _closed.Task;
            }

            await open.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Lets nothing more through; completes when nothing is under way.</summary>
    public Task Close()
    {
        lock (_lock)
        {
            _closed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_inside == 0)
                _empty.SetResult();
            return _empty.Task;
        }
    }

    /// <summary>Lets what waits through.</summary>
    public void Open()
    {
        lock (_lock)
        {
            _closed?.TrySetResult();
            _closed = null;
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            if (--_inside == 0)
                _empty?.TrySetResult();
        }
    }

    /// <summary>Work under way.</summary>
    public sealed class Passage(Gate gate) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => gate.Leave();
    }
}

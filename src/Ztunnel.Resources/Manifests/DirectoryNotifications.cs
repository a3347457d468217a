namespace Ztunnel.Resources;

/// <summary>Waits until a directory should be read again: something in it was notified as changed and it is quiet since, or it is time to look.</summary>
internal sealed class DirectoryNotifications : IDisposable
{
    private readonly DirectorySourceOptions _options;
    private readonly FileSystemWatcher? _watcher;
    private readonly Lock _lock = new();
    private HashSet<string> _touched = new(StringComparer.Ordinal);
    private TaskCompletionSource _notified = NewSignal();

    public DirectoryNotifications(string path, DirectorySourceOptions options)
    {
        _options = options;
        if (!options.Notify)
            return;
        try
        {
            _watcher = new FileSystemWatcher(path)
            {
                NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Size | NotifyFilters.Attributes,
            };
            _watcher.Changed += (_, change) => Notify(change.Name);
            _watcher.Created += (_, change) => Notify(change.Name);
            _watcher.Deleted += (_, change) => Notify(change.Name);
            _watcher.Renamed += (_, change) => Notify(change.OldName, change.Name);
            // Too many changes at once: which ones is then found by looking.
            _watcher.Error += (_, _) => Notify();
            _watcher.EnableRaisingEvents = true;
        }
        catch (Exception error) when (error is IOException or ArgumentException)
        {
            // No directory (which reading it will tell better), or no inotify instance left.
            Fault = error.Message;
            _watcher?.Dispose();
            _watcher = null;
        }
    }

    /// <summary>Why nothing will be notified, so that only the regular look finds changes; null when all is well.</summary>
    public string? Fault { get; }

    /// <summary>Waits; gives the names notified, or none when it is merely time to look.</summary>
    public async Task<IReadOnlySet<string>> Next(CancellationToken cancellationToken)
    {
        if (await Within(_options.Rescan, cancellationToken))
        {
            long first = _options.Time.GetTimestamp();
            do
            {
                lock (_lock)
                    _notified = NewSignal();
            }
            while (await Within(_options.Settle, cancellationToken) && _options.Time.GetElapsedTime(first) < _options.MaxSettle);
        }

        lock (_lock)
        {
            _notified = NewSignal();
            HashSet<string> touched = _touched;
            _touched = new HashSet<string>(StringComparer.Ordinal);
            return touched;
        }
    }

    public void Dispose() => _watcher?.Dispose();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Notify(params ReadOnlySpan<string?> names)
    {
        lock (_lock)
        {
            foreach (string? name in names)
            {
                if (name is not null)
                    _touched.Add(name);
            }

            _notified.TrySetResult();
        }
    }

    private async Task<bool> Within(TimeSpan time, CancellationToken cancellationToken)
    {
        Task notified;
        lock (_lock)
            notified = _notified.Task;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task first = await Task.WhenAny(notified, Task.Delay(time, _options.Time, stop.Token));
        await stop.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
        return first == notified;
    }
}

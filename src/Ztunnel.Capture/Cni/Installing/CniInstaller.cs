using Microsoft.Extensions.Logging;

namespace Ztunnel.Capture;

/// <summary>
/// Keeps the CNI plugin installed on the node: the program among the runtime's plugins, and a conflist of our own that comes
/// first and has in it what the network's own says, with ours behind it. Waits while the node has no network configuration yet.
/// </summary>
/// <remarks>
/// A conflist of our own, rather than an entry in the network's: the network may rewrite its file as it likes and the runtime
/// goes on with ours, so there is no moment at which a pod can start past us; and nobody's file but ours is ever written.
/// </remarks>
public sealed partial class CniInstaller : IAsyncDisposable
{
    private readonly CniOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Signal _changed = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _installed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;
    private FileSystemWatcher? _watcher;
    private string? _written;
    private string? _told;
    private long? _primaryGone;
    private int _restored;
    private bool _current;

    private CniInstaller(CniOptions options, ILogger logger, TimeProvider time)
    {
        _options = options;
        _logger = logger;
        _time = time;
        _running = Task.Run(Run);
    }

    /// <summary>Begins to install, and to keep what is installed. Never fails: what cannot be done is logged and tried again.</summary>
    public static CniInstaller Start(CniOptions options, ILogger logger, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new CniInstaller(options, logger, time ?? TimeProvider.System);
    }

    /// <summary>Completes when it is installed for the first time.</summary>
    public Task Installed => _installed.Task;

    /// <summary>How often somebody had changed or removed the conflist and it was put back.</summary>
    public int Restored => Volatile.Read(ref _restored);

    /// <summary>Takes plugin and conflist away: pods start without us from then on. Throws <see cref="IOException"/>.</summary>
    public static void Uninstall(CniOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        // In this order: a conflist that names a plugin which is gone would keep pods from starting.
        Delete(options.Conflist);
        Delete(options.Plugin);
    }

    /// <summary>Stops keeping it; it stays installed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
            return;
        await _stopping.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _watcher?.Dispose();
        _stopping.Dispose();
    }

    private async Task Run()
    {
        while (true)
        {
            try
            {
                Watch();
                Look();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                Tell($"cannot be installed: {failure.Message}");
            }

            TimeSpan rest = _primaryGone is { } since ? Left(since) : _options.Rescan;
            await _changed.Wait(rest < _options.Rescan ? rest : _options.Rescan, _time, _stopping.Token);
            await Task.Delay(_options.LookInterval, _time, _stopping.Token);
        }
    }

    /// <summary>Has the kernel tell of changes; where it cannot, looking now and then finds them.</summary>
    private void Watch()
    {
        if (_watcher is not null)
            return;
        Directory.CreateDirectory(_options.ConfDirectory);
        var watcher = new FileSystemWatcher(_options.ConfDirectory) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size };
        watcher.Changed += (_, _) => _changed.Set();
        watcher.Created += (_, _) => _changed.Set();
        watcher.Deleted += (_, _) => _changed.Set();
        watcher.Renamed += (_, _) => _changed.Set();
        watcher.Error += (_, _) => _changed.Set();
        watcher.EnableRaisingEvents = true;
        _watcher = watcher;
    }

    private void Look()
    {
        InstallProgram();
        if (Primary() is not { } primary)
        {
            WithoutPrimary();
            return;
        }

        _primaryGone = null;
        string made;
        try
        {
            made = CniConflist.Chain(File.ReadAllText(primary), _options);
        }
        catch (FormatException unreadable)
        {
            // Half written, maybe. The runtime goes on with what ours says.
            Tell($"waits: {primary} cannot be used: {unreadable.Message}");
            return;
        }

        string? found = File.Exists(_options.Conflist) ? File.ReadAllText(_options.Conflist) : null;
        if (found == made)
        {
            _written = made;
        }
        else
        {
            Write(made);
            if (_written is not null && found != _written)
                CountRestored();
            _written = made;
        }

        Tell(string.CompareOrdinal(CniOptions.ConflistName, Path.GetFileName(primary)) < 0
            ? $"is installed behind {primary}"
            : $"is passed by: runtimes take {primary} before {CniOptions.ConflistName}");
        _installed.TrySetResult();
    }

    /// <summary>The network's own configuration: what the runtime would take without us, the first by name.</summary>
    private string? Primary() => Directory.EnumerateFiles(_options.ConfDirectory)
        .Where(file => Path.GetExtension(file) is ".conf" or ".conflist" or ".json" && Path.GetFileName(file) != CniOptions.ConflistName)
        .Order(StringComparer.Ordinal)
        .FirstOrDefault();

    private void WithoutPrimary()
    {
        _primaryGone ??= _time.GetTimestamp();
        if (File.Exists(_options.Conflist) && Left(_primaryGone.Value) > TimeSpan.Zero)
            return;
        Delete(_options.Conflist);
        _written = null;
        Tell($"waits: there is no network configuration in {_options.ConfDirectory} yet");
    }

    private TimeSpan Left(long since)
    {
        TimeSpan left = _options.PrimaryPatience - _time.GetElapsedTime(since);
        return left > TimeSpan.Zero ? left : File.Exists(_options.Conflist) ? TimeSpan.Zero : _options.Rescan;
    }

    /// <summary>
    /// Puts the program there, when it starts or when it is gone: another version there may be the work of an agent that takes
    /// over. One that needs files beside it is linked to.
    /// </summary>
    private void InstallProgram()
    {
        if (_current && File.Exists(_options.Plugin))
            return;
        Directory.CreateDirectory(_options.BinDirectory);
        string aside = Aside(_options.Plugin);
        Delete(aside);
        if (File.Exists(Path.ChangeExtension(_options.Program, ".dll")))
        {
            File.CreateSymbolicLink(aside, _options.Program);
        }
        else
        {
            File.Copy(_options.Program, aside);
            File.SetUnixFileMode(aside, (UnixFileMode)0b111_101_101);
        }

        File.Move(aside, _options.Plugin, overwrite: true);
        _current = true;
    }

    private void Write(string text)
    {
        string aside = Aside(_options.Conflist);
        Delete(aside);
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var file = new FileStream(aside, options))
        {
            file.Write(System.Text.Encoding.UTF8.GetBytes(text));
            // A node that loses its power is to find all of it or the one before.
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, _options.Conflist, overwrite: true);
    }

    /// <summary>A name beside a file that no runtime looks at, of this process.</summary>
    private static string Aside(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Environment.ProcessId}.tmp");

    private static void Delete(string path)
    {
        if (Directory.Exists(Path.GetDirectoryName(path)))
            File.Delete(path);
    }

    /// <summary>Somebody who always does it again is told of at the first time, the tenth, the hundredth.</summary>
    private void CountRestored()
    {
        int times = Interlocked.Increment(ref _restored);
        if (times is 1 or 10 or 100 or 1000)
            LogRestored(_options.Conflist, times);
    }

    private void Tell(string state)
    {
        if (_told == state)
            return;
        _told = state;
        LogState(state);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "the CNI plugin {State}")]
    private partial void LogState(string state);

    [LoggerMessage(Level = LogLevel.Warning, Message = "somebody had changed or removed {Conflist}, and it is back ({Times} times so far): a network that wants no configuration beside its own (Cilium's cni.exclusive) must be told to")]
    private partial void LogRestored(string conflist, int times);
}

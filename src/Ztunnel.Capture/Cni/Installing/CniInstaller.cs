using Microsoft.Extensions.Logging;
using Ztunnel.IO;

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
    private readonly Action<string?>? _listener;
    private readonly Task _running;
    private FileSystemWatcher? _watcher;
    private string? _written;
    private (string State, bool Fault)? _told;
    private long? _primaryGone;
    private int _restored;
    private bool _current;
    private bool _deaf;

    private CniInstaller(CniOptions options, ILogger logger, TimeProvider time, Action<string?>? listener)
    {
        _options = options;
        _logger = logger;
        _time = time;
        _listener = listener;
        _running = Task.Run(Run);
    }

    /// <summary>Begins to install, and to keep what is installed. Never fails: what cannot be done is logged and tried again.</summary>
    /// <param name="options">What to install, and where.</param>
    /// <param name="logger">Where it is told how it stands.</param>
    /// <param name="time">The clock; the system's unless given.</param>
    /// <param name="listener">Is told by what pods may be made past the plugin, for a person, whenever that changes; null when by nothing.</param>
    public static CniInstaller Start(CniOptions options, ILogger logger, TimeProvider? time = null, Action<string?>? listener = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new CniInstaller(options, logger, time ?? TimeProvider.System, listener);
    }

    /// <summary>Whether plugin and conflist are where they are to be, be they of another agent's making.</summary>
    public static bool IsInstalled(CniOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return File.Exists(options.Plugin) && File.Exists(options.Conflist);
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
        bool swept = false;
        while (true)
        {
            try
            {
                Directory.CreateDirectory(_options.ConfDirectory);
                Directory.CreateDirectory(_options.BinDirectory);
                if (!swept)
                    Sweep();
                swept = true;
                Watch();
                await Look();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                Tell($"cannot be installed: {failure.Message}", LogLevel.Warning, fault: !IsInstalled(_options));
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
        FileSystemWatcher? watcher = null;
        try
        {
            watcher = new FileSystemWatcher(_options.ConfDirectory) { NotifyFilter = NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Size };
            watcher.Changed += (_, _) => _changed.Set();
            watcher.Created += (_, _) => _changed.Set();
            watcher.Deleted += (_, _) => _changed.Set();
            watcher.Renamed += (_, _) => _changed.Set();
            watcher.Error += (_, _) => _changed.Set();
            _options.Listen(watcher);
            _watcher = watcher;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A node has few inotify instances for each user, and others may hold them all.
            watcher?.Dispose();
            if (!_deaf)
                LogDeaf(_options.ConfDirectory, _options.Rescan, failure.Message);
            _deaf = true;
        }
    }

    private async Task Look()
    {
        await InstallProgram();
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
        catch (FormatException unusable)
        {
            // Half written, maybe. The runtime goes on with what ours says, as long as that is of any use itself.
            if (File.Exists(_options.Conflist) && !CniConflist.IsUsable(File.ReadAllText(_options.Conflist), _options))
                Delete(_options.Conflist);
            Tell($"waits: {primary} cannot be used: {unusable.Message}", LogLevel.Warning, fault: !IsInstalled(_options));
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

        if (string.CompareOrdinal(CniOptions.ConflistName, Path.GetFileName(primary)) < 0)
            Tell($"is installed behind {primary}");
        else
            Tell($"is passed by: runtimes take {primary} before {CniOptions.ConflistName}", LogLevel.Warning, fault: true);
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
    /// over. One that needs files beside it is linked to. Where that can be tried, only one that runs gets there.
    /// </summary>
    private async Task InstallProgram()
    {
        if (_current && File.Exists(_options.Plugin))
            return;
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
            // A conflist that outlives a loss of power is not to name half a program.
            using var file = new FileStream(aside, FileMode.Open, FileAccess.ReadWrite);
            file.Flush(flushToDisk: true);
        }

        if (_options.TriesProgram)
            await CniTrial.Run(aside, _stopping.Token);
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

    /// <summary>Takes away what agents left that were killed while they wrote. One that still writes does it again.</summary>
    private void Sweep()
    {
        foreach (string path in (string[])[_options.Plugin, _options.Conflist])
        {
            foreach (string left in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.*.tmp"))
                File.Delete(left);
        }
    }

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

    private void Tell(string state, LogLevel level = LogLevel.Information, bool fault = false)
    {
        if (_told == (state, fault))
            return;
        _told = (state, fault);
        LogState(level, state);
        _listener?.Invoke(fault ? $"the CNI plugin {state}" : null);
    }

    [LoggerMessage(Message = "the CNI plugin {State}")]
    private partial void LogState(LogLevel level, string state);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot be told of changes in {Directory}, and looks every {Rescan} instead: {Reason}")]
    private partial void LogDeaf(string directory, TimeSpan rescan, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "somebody had changed or removed {Conflist}, and it is back ({Times} times so far): a network that wants no configuration beside its own (Cilium's cni.exclusive) must be told to")]
    private partial void LogRestored(string conflist, int times);
}

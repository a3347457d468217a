using System.Collections.Immutable;
using System.Diagnostics;
using Ztunnel.IO;

namespace Ztunnel.Lab;

/// <summary>
/// A program running on a node or in a pod, until it ends, is disposed of, or this process dies (however it dies). Its output
/// is kept, the last part of it when there is much.
/// </summary>
public sealed class LabProcess : IAsyncDisposable
{
    private const int KeptCharacters = 4 * 1024 * 1024;
    private static readonly ImmutableArray<string> ProcessTree = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];
    private readonly Process _process;
    private readonly ProcessOutput _output = new(KeptCharacters);
    private readonly ProcessOutput _error = new(KeptCharacters);
    private readonly Task _ended;
    private int _disposed;

    private LabProcess(LabHost host, LabCommand command, Process process)
    {
        Host = host;
        Command = command;
        _process = process;
        _ended = Task.WhenAll(_output.Collect(process.StandardOutput), _error.Collect(process.StandardError), process.WaitForExitAsync());
    }

    /// <summary>Where it runs.</summary>
    public LabHost Host { get; }

    /// <summary>What was started.</summary>
    public LabCommand Command { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _ended.IsCompleted;

    /// <summary>What it has written to standard output.</summary>
    public string Output => _output.Text;

    /// <summary>What it has written to standard error.</summary>
    public string Error => _error.Text;

    /// <summary>The process id, as the machine sees it, of what carries the program: its wrapper in a pod, itself on a node.</summary>
    public int Id => _process.Id;

    /// <summary>Waits for its end and tells what came of it.</summary>
    public async Task<ProcessResult> WaitForExit(CancellationToken cancellationToken = default)
    {
        await _ended.WaitAsync(cancellationToken);
        return new ProcessResult(_process.ExitCode, Output, Error);
    }

    /// <summary>
    /// Waits until what it wrote (standard output and error) contains <paramref name="text"/>. Throws
    /// <see cref="LabException"/>, with its output, when it ends or <paramref name="timeout"/> passes before.
    /// </summary>
    public Task WaitForOutput(string text, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        Condition.Wait(
            () => (Output + Error).Contains(text, StringComparison.Ordinal) || HasExitedWith($"it ended before it wrote '{text}'"),
            timeout,
            () => $"{this} did not write '{text}' within {timeout.TotalSeconds} s: {Output}{Error}",
            cancellationToken);

    /// <summary>Sends it a signal by name, such as <c>INT</c>. In a pod it goes to the wrapper: use <see cref="DisposeAsync"/> there.</summary>
    public async Task Signal(string name)
    {
        using Process kill = Process.Start("kill", ["-s", name, Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Throws when it has ended; false while it runs. For the conditions that wait for something it does.</summary>
    internal bool HasExitedWith(string complaint) =>
        HasExited ? throw new LabException($"{this}: {complaint} (exit code {_process.ExitCode}): {Output}{Error}") : false;

    internal static async Task<LabProcess> Start(ProcessThread thread, LabHost host, LabCommand command)
    {
        var start = new ProcessStartInfo("setpriv", [.. Wrapper(host), command.File, .. command.Arguments])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = command.WorkingDirectory ?? "",
        };
        foreach ((string name, string value) in command.Environment)
            start.Environment[name] = value;
        Process process = await thread.Run(() => Process.Start(start))
            ?? throw new LabException($"{host}: '{command}' could not be started");
        var started = new LabProcess(host, command, process);
        await started.Feed(command.Input);
        return started;
    }

    /// <summary>
    /// What stands before the command line, each giving way to the next: a parent-death signal, the network namespace, and in
    /// a pod a process tree of its own. No thread of ours enters the namespace, where threads it causes would stay.
    /// </summary>
    private static ImmutableArray<string> Wrapper(LabHost host) =>
    [
        "--pdeathsig", "KILL", "--", "nsenter", $"--net={host.NetworkNamespace.Path}", "--",
        .. host.OwnProcessTree ? ProcessTree : [],
    ];

    private async Task Feed(string? input)
    {
        try
        {
            await _process.StandardInput.WriteAsync(input);
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading: its exit code and output say why.
        }
    }

    /// <summary>Ends it at once (SIGKILL), with everything it started when it runs in a pod.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _process.Kill();
        await _ended;
        _process.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"'{Command}' on {Host}";
}

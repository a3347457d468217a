using System.Diagnostics;

namespace Ztunnel.Hbone.Tests.Interop;

/// <summary>A script of this folder run by Node, killed when disposed.</summary>
internal sealed class NodeProcess : IDisposable
{
    private readonly Process _process;

    private NodeProcess(Process process) => _process = process;

    /// <summary>Starts a script with one JSON argument.</summary>
    public static NodeProcess Start(string script, string argument)
    {
        ProcessStartInfo start = new("node", [Path.Combine(AppContext.BaseDirectory, "Interop", script), argument])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new NodeProcess(Process.Start(start)!);
    }

    /// <summary>The next line it prints.</summary>
    public async Task<string> ReadLine() =>
        await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"Node ended: {await _process.StandardError.ReadToEndAsync()}");

    /// <summary>Waits for its end; everything it printed. Fails the test when it failed.</summary>
    public async Task<string> Finish()
    {
        Task<string> errors = _process.StandardError.ReadToEndAsync();
        string output = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        Assert.True(_process.ExitCode == 0, await errors);
        return output;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}

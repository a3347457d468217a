using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Ztunnel.IO;

/// <summary>
/// Starts programs inside a network namespace. A child inherits the namespace of the thread that starts it, so that thread
/// is one of its own, and everything else about the child happens at home.
/// </summary>
internal static class NamespaceProcess
{
    public static async Task<ProcessResult> Run(
        NetworkNamespace ns, string file, IReadOnlyList<string> args, string? stdin, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using Process process = await Start(ns, file, args);
        await using CancellationTokenRegistration kill = cancellationToken.UnsafeRegister(
            static state => Kill((Process)state!), process);
        Task<string> output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        Task<string> error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await Feed(process, stdin);
        ProcessResult result = new(await Exit(process), await output, await error);
        cancellationToken.ThrowIfCancellationRequested();
        return result;
    }

    private static async Task<Process> Start(NetworkNamespace ns, string file, IReadOnlyList<string> args)
    {
        ProcessStartInfo start = new(file, args)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // Makes the runtime start its signal thread here rather than on the first Process.Start, inside the namespace.
        using PosixSignalRegistration signals = PosixSignalRegistration.Create(PosixSignal.SIGCONT, static _ => { });
        return await DedicatedThread.RunAsync("netns-process", () => ns.Run(() => Process.Start(start)!));
    }

    private static async Task Feed(Process process, string? stdin)
    {
        try
        {
            if (stdin is not null)
                await process.StandardInput.WriteAsync(stdin);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading everything; its exit code and error text say why.
        }
    }

    private static async Task<int> Exit(Process process)
    {
        await process.WaitForExitAsync(CancellationToken.None);
        return process.ExitCode;
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended already.
        }
    }
}

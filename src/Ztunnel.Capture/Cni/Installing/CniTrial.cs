using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Ztunnel.Capture;

/// <summary>Tries whether a program can be the node's plugin, before pods depend on it.</summary>
internal static class CniTrial
{
    /// <summary>The kernel's ETXTBSY: somebody who was just forked still holds the file open that was written.</summary>
    private const int TextFileBusy = 26;

    private const int Attempts = 50;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Whether programs see the same files when we run them as when the node's first process does.</summary>
    public static bool IsOnHost()
    {
        try
        {
            return new FileInfo("/proc/self/ns/mnt").LinkTarget is { } own && new FileInfo("/proc/1/ns/mnt").LinkTarget == own;
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Has it say its versions, as runtimes do. Throws <see cref="IOException"/> when it does not.</summary>
    public static async Task Run(string program, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            using Process plugin = await Start(program, limit.Token);
            try
            {
                Task<string> output = plugin.StandardOutput.ReadToEndAsync(limit.Token);
                Task<string> error = plugin.StandardError.ReadToEndAsync(limit.Token);
                await Ask(plugin);
                await plugin.WaitForExitAsync(limit.Token);
                if (plugin.ExitCode != 0 || !IsAnswer(await output))
                    throw new IOException($"{program} does not run on this node: it exits with {plugin.ExitCode} and says \"{FirstLine(await error)}\"");
            }
            finally
            {
                if (!plugin.HasExited)
                    plugin.Kill();
            }
        }
        catch (Win32Exception failure)
        {
            throw new IOException($"{program} does not run on this node: {failure.Message}", failure);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{program} does not run on this node: it did not answer within {Patience.TotalSeconds:0} s", late);
        }
    }

    private static async Task<Process> Start(string program, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[CniCall.CommandVariable] = "VERSION";
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return Process.Start(start)!;
            }
            catch (Win32Exception busy) when (busy.NativeErrorCode == TextFileBusy && attempt < Attempts)
            {
                await Task.Delay(Pause, cancellationToken);
            }
        }
    }

    private static async Task Ask(Process plugin)
    {
        try
        {
            await plugin.StandardInput.WriteAsync($$"""{"cniVersion":"{{CniConfiguration.Versions[^1]}}"}""");
            plugin.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without listening: what it said and how it ended tell why.
        }
    }

    private static bool IsAnswer(string text)
    {
        try
        {
            using JsonDocument answer = JsonDocument.Parse(text);
            return answer.RootElement.ValueKind == JsonValueKind.Object && answer.RootElement.TryGetProperty("supportedVersions", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string FirstLine(string text) => text.Split('\n', 2)[0].Trim();
}

using System.Diagnostics;
using Ztunnel.IO;

namespace Ztunnel.Capture.Tests;

/// <summary>A process that owns a table named as ours (<c>flags owner</c>), so that nobody else may change it.</summary>
internal sealed class Owner : IAsyncDisposable
{
    private readonly Process _nft;
    private bool _disposed;

    private Owner(Process nft) => _nft = nft;

    public static async Task<Owner> Take(NetworkNamespace ns)
    {
        var start = new ProcessStartInfo("nsenter", [$"--net={ns.Path}", "nft", "-i"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var owner = new Owner(Process.Start(start)!);
        await owner._nft.StandardInput.WriteLineAsync($"add table inet {PodRules.Table} {{ flags owner; }}");
        await owner._nft.StandardInput.FlushAsync();
        await Agent.Until(() => Agent.Rules(ns).Result.Contains("flags owner", StringComparison.Ordinal), () => "", "nft does not take the table");
        return owner;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        _nft.Kill();
        await _nft.WaitForExitAsync();
        _nft.Dispose();
    }
}

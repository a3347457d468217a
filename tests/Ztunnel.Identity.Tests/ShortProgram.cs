using System.Diagnostics;

namespace Ztunnel.Identity.Tests;

/// <summary>A program that is not ours, run to its end: above all Debian's openssl, to judge what we make.</summary>
internal static class ShortProgram
{
    public static Task<(int ExitCode, string Output)> OpenSsl(params string[] arguments) => Run("openssl", arguments);

    public static async Task<(int ExitCode, string Output)> Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }
}

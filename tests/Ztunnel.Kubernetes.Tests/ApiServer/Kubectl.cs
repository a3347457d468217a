using System.Diagnostics;
using System.Text;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>The kubectl of this machine, with a home and a kubeconfig of its own, against one server.</summary>
internal sealed class Kubectl : IAsyncDisposable
{
    private readonly string _home;

    private Kubectl(ApiServer server, string home)
    {
        Server = server;
        _home = home;
    }

    public ApiServer Server { get; }

    /// <summary>More variables of its environment.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    public static async Task<Kubectl> Start(ApiServerOptions? options = null, ApiUser? user = null)
    {
        ApiServer server = await ApiServer.Start(options);
        string home = Directory.CreateTempSubdirectory("kubectl-").FullName;
        server.WriteKubeconfig(Path.Combine(home, "config"), user);
        return new Kubectl(server, home);
    }

    /// <summary>Runs a command, given as one would type it, and returns what it says; throws when it fails.</summary>
    public async Task<string> Run(string command, string? input = null)
    {
        (int code, string output, string error) = await Try(command, input);
        Assert.True(code == 0, $"kubectl {command}: {code}\n{output}\n{error}");
        return output.Trim();
    }

    /// <summary>Runs a command that must fail, and returns what it says of that.</summary>
    public async Task<string> Fail(string command, string? input = null)
    {
        (int code, string output, string error) = await Try(command, input);
        Assert.True(code != 0, $"kubectl {command} went well:\n{output}");
        return error.Trim();
    }

    /// <summary>Starts a command that goes on for a while.</summary>
    public RunningKubectl Begin(string command) => new(Process.Start(Command(command))!);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    private async Task<(int Code, string Output, string Error)> Try(string command, string? input)
    {
        using Process process = Process.Start(Command(command))!;
        using CancellationTokenSource deadline = new(TimeSpan.FromMinutes(1));
        Task<string> output = process.StandardOutput.ReadToEndAsync(deadline.Token);
        Task<string> error = process.StandardError.ReadToEndAsync(deadline.Token);
        if (input is not null)
            await process.StandardInput.WriteAsync(input.AsMemory(), deadline.Token);
        process.StandardInput.Close();
        try
        {
            await process.WaitForExitAsync(deadline.Token);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }
    }

    private ProcessStartInfo Command(string command)
    {
        ProcessStartInfo start = new("kubectl")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _home,
        };
        foreach (string argument in Arguments(command))
            start.ArgumentList.Add(argument);
        start.Environment["HOME"] = _home;
        start.Environment["KUBECONFIG"] = Path.Combine(_home, "config");
        start.Environment["KUBE_EDITOR"] = Environment.GetEnvironmentVariable("KUBE_EDITOR") ?? "sed -i s/before/after/";
        foreach ((string name, string value) in Variables)
            start.Environment[name] = value;
        foreach (string proxy in (string[])["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"])
            start.Environment.Remove(proxy);
        return start;
    }

    // At blanks outside of single quotes.
    private static List<string> Arguments(string command)
    {
        List<string> arguments = [];
        StringBuilder word = new();
        bool quoted = false;
        foreach (char c in command + " ")
        {
            if (c == '\'')
            {
                quoted = !quoted;
            }
            else if (c == ' ' && !quoted)
            {
                if (word.Length > 0)
                    arguments.Add(word.ToString());
                word.Clear();
            }
            else
            {
                word.Append(c);
            }
        }

        return arguments;
    }
}

/// <summary>A kubectl that runs.</summary>
internal sealed class RunningKubectl(Process process) : IDisposable
{
    /// <summary>The next line it says.</summary>
    public async Task<string> Line()
    {
        using CancellationTokenSource deadline = new(TimeSpan.FromMinutes(1));
        return await process.StandardOutput.ReadLineAsync(deadline.Token) ?? "";
    }

    /// <summary>Waits for its end and returns its exit code.</summary>
    public async Task<int> End()
    {
        using CancellationTokenSource deadline = new(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode;
    }

    public void Dispose()
    {
        process.Kill(entireProcessTree: true);
        process.Dispose();
    }
}

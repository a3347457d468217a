using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// A person's shell on the host outside: a directory of files, kubectl and curl, and variables that stay from one command to the
/// next.
/// </summary>
public sealed class LabShell
{
    private readonly LabCluster _cluster;

    public LabShell(LabCluster cluster)
    {
        _cluster = cluster;
        Directory = System.IO.Directory.CreateDirectory(Path.Combine(cluster.Network.ScratchDirectory, $"shell-{Guid.NewGuid():N}")).FullName;
    }

    /// <summary>Where commands run.</summary>
    public string Directory { get; }

    /// <summary>Runs commands as they are typed and returns what they write. Throws with it when the last one fails.</summary>
    public async Task<string> Run(string commands)
    {
        ProcessResult result = await Try(commands);
        return result.ExitCode == 0 ? result.Output : throw new LabException($"$ {commands}\n{result.Output}{result.Error}");
    }

    /// <summary>As <see cref="Run"/>, for commands that may fail.</summary>
    public Task<ProcessResult> Try(string commands) => _cluster.Outside.Exec(_cluster.AsAdministrator(new LabCommand(
        "bash", "-c", $"[ -f .variables ] && . ./.variables\n{commands}\ncode=$?\nexport -p > .variables\nexit $code"))
        with
    { WorkingDirectory = Directory });

    /// <summary>Runs commands again and again until their output holds all of <paramref name="parts"/>, whatever the case of its letters.</summary>
    public async Task<string> Until(string commands, params IReadOnlyList<string> parts)
    {
        ProcessResult? last = null;
        await Condition.Wait(
            async () =>
            {
                last = await Try(commands);
                return parts.All(part => (last.Output + last.Error).Contains(part, StringComparison.OrdinalIgnoreCase));
            },
            TimeSpan.FromSeconds(60),
            () => $"$ {commands}\ndoes not show {string.Join(" and ", parts)} but\n{last?.Output}{last?.Error}",
            CancellationToken.None);
        return last!.Output;
    }
}

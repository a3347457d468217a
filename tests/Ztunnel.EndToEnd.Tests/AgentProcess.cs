using System.Globalization;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The built program, started as <c>ztunnel node</c> in a node's namespace, as a unit file or a pod would.</summary>
internal static class AgentProcess
{
    /// <summary>The program beside the tests.</summary>
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "ztunnel");

    /// <summary>Starts the agent of a node and waits until it says that it is ready.</summary>
    public static async Task<LabProcess> Start(LabNetwork network, string node, string manifests, string authority, double drainSeconds, params string[] more)
    {
        LabProcess process = await network.Node(node).Start(Command(
        [
            "--node", node,
            "--manifests", manifests,
            "--netns-dir", network.NamespaceDirectory,
            "--ca-directory", authority,
            "--workers", "1",
            "--drain-seconds", drainSeconds.ToString(CultureInfo.InvariantCulture),
            .. more,
        ]));
        try
        {
            await process.WaitForOutput("started with 1 workers", MeshLab.Patience);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>The command line of <c>ztunnel node</c>.</summary>
    public static LabCommand Command(params string[] arguments) => new(Program, ["node", .. arguments]);

    /// <summary>Makes a root with openssl, in the layout of Istio's cacerts, in a new directory.</summary>
    public static async Task<string> MakeAuthority(LabNode anywhere, string directory)
    {
        ProcessResult made = await anywhere.Exec(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/O=cluster.local/CN=Root of a test", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", Path.Combine(directory, "ca-key.pem"), "-out", Path.Combine(directory, "ca-cert.pem"));
        Assert.True(made.ExitCode == 0, made.Error);
        File.Copy(Path.Combine(directory, "ca-cert.pem"), Path.Combine(directory, "root-cert.pem"));
        await File.WriteAllTextAsync(Path.Combine(directory, "cert-chain.pem"), "");
        return directory;
    }
}

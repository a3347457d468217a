using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A client's and a server's node, each with an agent that is a process of its own, and an authority made by openssl.</summary>
internal sealed class ProcessLab : IAsyncDisposable
{
    private readonly ManifestDirectory _manifests = new();
    private readonly DirectoryInfo _authority = Directory.CreateTempSubdirectory("ztunnel-authority-");

    private ProcessLab(LabNetwork network) => Network = network;

    public LabNetwork Network { get; }

    public LabPod Client => Network.Pod("client");

    public LabPod Server => Network.Pod("server");

    public string Manifests => _manifests.Path;

    /// <summary>Writes a further manifest.</summary>
    public void Write(string file, string yaml) => _manifests.Write(file, yaml);

    public string Authority => _authority.FullName;

    public LabProcess ClientAgent { get; private set; } = null!;

    public LabProcess ServerAgent { get; private set; } = null!;

    public static async Task<ProcessLab> Start(double drainSeconds)
    {
        ProcessLab lab = await WithoutAgents();
        try
        {
            lab.ClientAgent = await AgentProcess.Start(lab.Network, "a", lab.Manifests, lab.Authority, drainSeconds);
            lab.ServerAgent = await AgentProcess.Start(lab.Network, "b", lab.Manifests, lab.Authority, drainSeconds);
            await lab.UntilCaptured();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public static Task<ProcessLab> WithoutAgents() => WithoutAgents(describe =>
    {
        describe.Node("a").Pod("client");
        describe.Node("b").Pod("server");
    });

    public static async Task<ProcessLab> WithoutAgents(Action<LabBuilder> describe)
    {
        var lab = new ProcessLab(await LabNetwork.Build(describe));
        try
        {
            lab._manifests.Write("mesh.yaml", MeshLab.Ordinary(lab.Network));
            await AgentProcess.MakeAuthority(lab.Network.Node("a"), lab.Authority);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Network.DisposeAsync();
        _manifests.Dispose();
        _authority.Delete(recursive: true);
    }

    /// <summary>Waits until both pods are.</summary>
    public async Task UntilCaptured()
    {
        await UntilCaptured("a", "client");
        await UntilCaptured("b", "server");
    }

    /// <summary>Waits until a pod is.</summary>
    public Task UntilCaptured(string node, string pod) => MeshLab.Eventually(
        $"{pod} to be captured",
        async () => (await NodeDiagnostics.PodState(Network.Node(node), pod)) is { ValueKind: System.Text.Json.JsonValueKind.Object } state
            && state.GetProperty("state").GetString() == "Up");
}

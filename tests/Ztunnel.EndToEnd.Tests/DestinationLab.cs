using System.Diagnostics.CodeAnalysis;
using System.Net;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// One lab for the tests of services and their endpoints: two nodes with an agent and a third without. Pods of the namespace
/// <c>default</c> are in the mesh, those of <c>outside</c> are not. Tests have their own services in it.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class DestinationLab : IAsyncLifetime
{
    internal const int HttpPort = 8080;

    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal LabPod Client => Mesh.Pod("client");

    /// <summary>A pod beside the client.</summary>
    internal LabPod Near => Mesh.Pod("near");

    /// <summary>A pod on the other node.</summary>
    internal LabPod Far => Mesh.Pod("far");

    /// <summary>A second pod on the other node, which serves nothing unless a test makes it.</summary>
    internal LabPod Mute => Mesh.Pod("mute");

    /// <summary>A pod on the other node that is not ready.</summary>
    internal LabPod Unready => Mesh.Pod("unready");

    /// <summary>A pod outside the mesh, on the other node.</summary>
    internal LabPod Plain => Mesh.Pod("plain");

    /// <summary>A pod that the manifests call ambient, on a node where no agent is.</summary>
    internal LabPod Lost => Mesh.Pod("lost");

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client").Pod("near");
                lab.Node("b").Pod("far").Pod("mute").Pod("unready").Pod("plain", "outside");
                lab.Node("c").Pod("lost");
            },
            Manifests,
            nodesWithoutAgent: ["c"]);
    }

    /// <summary>The zones the nodes are in, and which of them are well: node a is in a zone of its own.</summary>
    internal static string Nodes(bool nodeBReady = true) => Yaml.Join(
        Yaml.Node("a", "zone-1"), Yaml.Node("b", "zone-2", nodeBReady), Yaml.Node("c", "zone-2"));

    public async ValueTask DisposeAsync()
    {
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>Writes a service of port 80 with its slice, and waits until the agent has read it.</summary>
    internal async Task Serve(string name, IPAddress address, string spec, params string[] endpoints)
    {
        Mesh.Manifests.Write($"{name}.yaml", Yaml.Join(
            Yaml.Service(name, "default", "{}", 80, "8080", address.ToString()).Replace("spec:\n", $"spec:\n  {spec}\n", StringComparison.Ordinal),
            Yaml.Slice(name, HttpPort, endpoints)));
        await UntilServed(address, endpoints.Length);
    }

    private static string Manifests(LabNetwork network) => Yaml.Join(
    [
        Yaml.Namespace("default", ambient: true),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => Yaml.Pod(pod, ready: pod.Name != "unready")),
    ]);

    /// <summary>Waits until the agents have read the service of that virtual address.</summary>
    internal Task UntilServed(IPAddress address, int endpoints = 1) => MeshLab.Eventually(
        $"a service at {address}", () => Task.FromResult(
            Mesh.Agent("a").Mesh is var mesh && mesh.ServiceByVirtualIp(address) is { } service && mesh.EndpointsOf(service.Name).Length == endpoints));

    /// <summary>Asks a service for its name: the answer of the pod behind it.</summary>
    internal async Task<string> Ask(IPAddress address, int port = 80)
    {
        var (exitCode, output, error) = await Try(address, port);
        Assert.True(exitCode == 0, error);
        return output;
    }

    /// <summary>All pods that answer when a service is asked again and again.</summary>
    internal async Task<IReadOnlyCollection<string>> AskAgain(IPAddress address)
    {
        var answers = new SortedSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < 16; i++)
            answers.Add(await Ask(address));
        return answers;
    }

    internal async Task<(int ExitCode, string Output, string Error)> Try(IPAddress address, int port = 80)
    {
        IO.ProcessResult result = await Client.Exec("curl", ["-sS", "--max-time", "20", $"http://{new IPEndPoint(address, port)}/"]);
        return (result.ExitCode, result.Output.Split(' ')[0], result.Error);
    }
}

/// <summary>Tests that share the <see cref="DestinationLab"/>.</summary>
[CollectionDefinition(nameof(DestinationLab))]
public sealed class DestinationLabCollection : ICollectionFixture<DestinationLab>;

using System.Text.Json.Nodes;
using Ztunnel.Capture;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

/// <summary>
/// A node <c>a</c> whose agent installs its plugin and finds pods by their processes, with a pod <c>client</c> that a test makes
/// as a runtime would; and a pod <c>server</c> on a node <c>b</c> that lets in only what the mesh brings.
/// </summary>
internal sealed class PluginLab : IAsyncDisposable
{
    private readonly DirectoryInfo _node = Directory.CreateTempSubdirectory("ztunnel-node-");
    private PodHttpServer? _server;

    private PluginLab(MeshLab mesh) => Mesh = mesh;

    public MeshLab Mesh { get; }

    public LabPod Client => Mesh.Pod("client");

    public LabPod Server => Mesh.Pod("server");

    public KubeletGroups Groups { get; } = new();

    public string Uid { get; } = Guid.NewGuid().ToString();

    public string Bin => Path.Combine(_node.FullName, "opt/cni/bin");

    public string RunDirectory => Path.Combine(_node.FullName, "run");

    private string Conf => Path.Combine(_node.FullName, "etc/cni/net.d");

    public bool IsPluginInstalled => File.Exists(Path.Combine(Conf, CniOptions.ConflistName)) && File.Exists(Path.Combine(Bin, "ztunnel"));

    public string Primary => Path.Combine(Conf, "10-bridge.conflist");

    public static string PrimaryText(int mtu) =>
        $$"""{ "cniVersion": "1.0.0", "name": "cluster", "plugins": [ { "type": "bridge", "mtu": {{mtu}} } ] }""";

    public static async Task<PluginLab> Start(bool withAgent = true)
    {
        MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client");
                lab.Node("b").Pod("server");
            },
            network => Yaml.Join(
            [
                Yaml.Namespace("default", ambient: true),
                Yaml.Pod(network.Pod("server")),
                PolicyLab.PeerAuthentication("strict", "{mtls: {mode: STRICT}}"),
            ]),
            waitFor: pod => pod.Name == "server",
            nodesWithoutAgent: ["a"]);
        var lab = new PluginLab(mesh);
        try
        {
            lab._server = PodHttpServer.Start(lab.Server, 8080);
            Directory.CreateDirectory(lab.Conf);
            await File.WriteAllTextAsync(lab.Primary, PrimaryText(0));
            lab.WriteClient();
            if (withAgent)
                await lab.StartAgent();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    public async Task StartAgent(Func<NodeAgentOptions, NodeAgentOptions>? more = null, bool waits = true)
    {
        await Mesh.StartAgent("a", options => (more ?? (static same => same))(options with
        {
            Proc = "/proc",
            RunDirectory = RunDirectory,
            Cni = new CniOptions
            {
                RunDirectory = RunDirectory,
                BinDirectory = Bin,
                ConfDirectory = Conf,
                Program = AgentProcess.Program,
            },
        }));
        if (waits)
            await Mesh.Agent("a").PluginInstalled.WaitAsync(MeshLab.Patience);
    }

    /// <summary>Writes the client's pod as the API has it: bound, and without addresses until there are any.</summary>
    public void WriteClient(string? uid = null, string addresses = "[]") => Mesh.Manifests.Write("client.yaml", $"""
        apiVersion: v1
        kind: Pod
        metadata:
          name: client
          namespace: default
          uid: {uid ?? Uid}
          annotations:
            ztunnel.io/network-namespace: nowhere
        spec:
          serviceAccountName: client
          nodeName: a
          containers:
          - name: main
        status:
          phase: Pending
          podIPs: {addresses}

        """);

    /// <summary>
    /// Does what a runtime does: takes the first configuration there is, and runs the last plugin of its chain as a program, with
    /// what those before would have made.
    /// </summary>
    public async Task<ProcessResult> Call(string command, string? uid = null, string @namespace = "default")
    {
        string file = Directory.GetFiles(Conf).Where(file => Path.GetExtension(file) is ".conf" or ".conflist" or ".json").Min(StringComparer.Ordinal)!;
        JsonNode conf = JsonNode.Parse(await File.ReadAllTextAsync(file))!;
        JsonObject plugin = conf["plugins"]!.AsArray()[^1]!.DeepClone().AsObject();
        plugin["cniVersion"] = "1.0.0";
        plugin["name"] = "cluster";
        plugin["prevResult"] = JsonNode.Parse(Result);
        using NetworkNamespace here = NetworkNamespace.OpenCurrent();
        return await here.RunProcess(
            "env",
            [
                $"CNI_COMMAND={command}", "CNI_CONTAINERID=0123456789abcdef", "CNI_IFNAME=eth0", $"CNI_NETNS={Client.NetworkNamespace.Path}",
                $"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE={@namespace};K8S_POD_NAME=client;K8S_POD_UID={uid ?? Uid}",
                Path.Combine(Bin, (string)plugin["type"]!),
            ],
            plugin.ToJsonString());
    }

    /// <summary>What the plugins before ours made.</summary>
    public string Result => new JsonObject
    {
        ["cniVersion"] = "1.0.0",
        ["interfaces"] = new JsonArray(new JsonObject { ["name"] = "eth0", ["sandbox"] = Client.NetworkNamespace.Path }),
        ["ips"] = new JsonArray([.. Client.Addresses.Select(address => new JsonObject { ["address"] = $"{address}/24", ["interface"] = 0 })]),
    }.ToJsonString();

    /// <summary>The pod's first process: asks the server, which answers only what the mesh brings.</summary>
    public async Task<string> Ask()
    {
        ProcessResult asked = await Client.Exec("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", $"http://{Server.IPv4}:8080/");
        return asked.Output + asked.Error;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        await Groups.DisposeAsync();
        await Mesh.DisposeAsync();
        _node.Delete(recursive: true);
    }
}

using Microsoft.Extensions.Logging;
using Ztunnel.Gateway;
using Ztunnel.Identity;
using Ztunnel.Lab;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Telemetry;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// A lab whose nodes run our agent: namespaces, manifests, one authority, and every log line in memory. Each test has its
/// own, so tests run side by side.
/// </summary>
internal sealed class MeshLab : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ManifestDirectory _manifests = new();
    private readonly BuiltInCertificateAuthority _authority = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
    private readonly LogLines _lines = new();
    private readonly LogOutput _output;
    private readonly ILoggerFactory _loggers;
    private readonly List<GatewayAgent> _gateways = [];
    private readonly Dictionary<string, NodeAgent> _agents = new(StringComparer.Ordinal);

    private MeshLab(LabNetwork network)
    {
        Network = network;
        _output = new LogOutput(_lines);
        _loggers = LoggerFactory.Create(logging => logging.AddProvider(new LogOutputLoggerProvider(_output)));
    }

    public LabNetwork Network { get; }

    public ManifestDirectory Manifests => _manifests;

    public BuiltInCertificateAuthority Authority => _authority;

    public NodeAgent Agent(string node) => _agents[node];

    public LabPod Pod(string name) => Network.Pod(name);

    /// <summary>
    /// Builds the lab, writes manifests for its namespaces and pods, starts an agent on each node but
    /// <paramref name="nodesWithoutAgent"/> and waits until their ambient pods, or those of <paramref name="waitFor"/>, are captured.
    /// </summary>
    public static async Task<MeshLab> Start(
        Action<LabBuilder> describe,
        Func<LabNetwork, string>? manifests = null,
        Func<NodeAgentOptions, NodeAgentOptions>? configure = null,
        Func<LabPod, bool>? waitFor = null,
        params IReadOnlyCollection<string> nodesWithoutAgent)
    {
        var mesh = new MeshLab(await LabNetwork.Build(describe));
        try
        {
            mesh.Manifests.Write("mesh.yaml", (manifests ?? Ordinary)(mesh.Network));
            foreach (LabNode node in mesh.Network.Nodes.Where(n => !nodesWithoutAgent.Contains(n.Name, StringComparer.Ordinal)))
                await mesh.StartAgent(node.Name, configure);
            waitFor ??= pod => pod.Namespace == "default";
            foreach (LabPod pod in mesh.Network.Pods.Where(p => waitFor(p) && mesh._agents.ContainsKey(p.Plan.Node)))
                await mesh.UntilCaptured(pod);
            return mesh;
        }
        catch
        {
            await mesh.DisposeAsync();
            throw;
        }
    }

    /// <summary>Every pod in its namespace; the namespace <c>default</c> ambient and no other.</summary>
    public static string Ordinary(LabNetwork network) => Yaml.Join(
        network.Pods.Select(p => p.Namespace).Distinct(StringComparer.Ordinal).Select(n => Yaml.Namespace(n, ambient: n == "default"))
            .Concat(network.Pods.Select(p => Yaml.Pod(p))));

    public async Task StartAgent(string node, Func<NodeAgentOptions, NodeAgentOptions>? configure = null, CancellationToken stop = default)
    {
        var options = new NodeAgentOptions
        {
            Node = node,
            Source = new DirectorySource(_manifests.Path),
            NamespaceDirectory = Network.NamespaceDirectory,
            NodeNamespace = Network.Node(node).NetworkNamespace,
            Workers = 2,
        };
        _agents[node] = await NodeAgent.Start(
            configure?.Invoke(options) ?? options, _authority, new AccessLog(_output), _loggers, stop);
    }

    /// <summary>Runs a gateway in a pod, which its manifest labels as an instance of the Gateway of that name in its namespace.</summary>
    public async Task<GatewayAgent> StartGateway(LabPod pod, string gateway, Func<GatewayAgentOptions, GatewayAgentOptions>? configure = null)
    {
        var options = new GatewayAgentOptions
        {
            Name = new GatewayName(pod.Namespace, gateway),
            Source = new DirectorySource(_manifests.Path),
            Workers = 2,
            Engine = new GatewayOptions { Namespace = pod.NetworkNamespace },
        };
        GatewayAgent agent = await GatewayAgent.Start(configure?.Invoke(options) ?? options, _authority, new AccessLog(_output), _loggers, CancellationToken.None);
        _gateways.Add(agent);
        return agent;
    }

    public async Task StopAgent(string node)
    {
        await _agents[node].Drain();
        await _agents[node].DisposeAsync();
        _agents.Remove(node);
    }

    public Task UntilCaptured(LabPod pod) =>
        Eventually($"{pod} to be captured", () => Task.FromResult(_agents[pod.Plan.Node].IsEnrolled($"{pod.Namespace}/{pod.Name}")));

    /// <summary>Waits for an access log line for which all <paramref name="parts"/> are in it, and returns it.</summary>
    public Task<string> AccessLine(params string[] parts) => Line(["connection", .. parts]);

    /// <summary>Waits for any log line of this test's time that holds all <paramref name="parts"/>, and returns it.</summary>
    public async Task<string> Line(params string[] parts)
    {
        string since = TestStartAttribute.Current;
        string? found = null;
        await Eventually(
            () => $"a log line with {string.Join(", ", parts)}; there are:\n{_lines}",
            () => Task.FromResult((found = _lines.FirstOrDefault(Holds)) is not null));
        return found!;

        bool Holds(string line) =>
            string.CompareOrdinal(line, since) >= 0 && parts.All(part => line.Contains(part, StringComparison.Ordinal));
    }

    public IReadOnlyList<string> Lines => _lines.All;

    /// <summary>Asks again and again until <paramref name="met"/>; fails with <paramref name="what"/> when patience ends.</summary>
    public static Task Eventually(string what, Func<Task<bool>> met, TimeSpan? patience = null) => Eventually(() => what, met, patience);

    public static Task Eventually(Func<string> what, Func<Task<bool>> met, TimeSpan? patience = null) =>
        Condition.Wait(met, patience ?? Patience, () => $"waited in vain for {what()}", TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        foreach (GatewayAgent gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (NodeAgent agent in _agents.Values)
            await agent.DisposeAsync();
        await Network.DisposeAsync();
        _loggers.Dispose();
        _output.Dispose();
        _authority.Dispose();
        _manifests.Dispose();
    }
}

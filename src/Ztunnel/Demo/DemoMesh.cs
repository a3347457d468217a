using System.Collections.Immutable;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Spectre.Console;
using Ztunnel.Diagnostics;
using Ztunnel.Gateway;
using Ztunnel.Identity;
using Ztunnel.Lab;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Telemetry;

namespace Ztunnel;

/// <summary>The demo's world: the nodes and pods that the manifests name, their processes, an agent on each node, and a gateway in each pod of one.</summary>
internal sealed class DemoMesh : IAsyncDisposable
{
    private static readonly TimeSpan EnrolmentPoll = TimeSpan.FromMilliseconds(20);

    private readonly LogOutput _output;
    private readonly ILoggerFactory _loggers;
    private readonly BuiltInCertificateAuthority _authority = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
    private readonly List<NodeAgent> _agents = [];
    private readonly List<GatewayAgent> _gateways = [];
    private readonly ImmutableArray<KubernetesObject> _objects;

    private DemoMesh(string manifests, LabNetwork network, ImmutableArray<KubernetesObject> objects)
    {
        Manifests = manifests;
        Network = network;
        _objects = objects;
        _output = new LogOutput(Log);
        _loggers = LoggerFactory.Create(logging => logging.AddProvider(new LogOutputLoggerProvider(_output)));
    }

    /// <summary>The directory of manifests, which the agents watch.</summary>
    public string Manifests { get; }

    public LabNetwork Network { get; }

    /// <summary>What the agents logged.</summary>
    public LogLines Log { get; } = new();

    public IReadOnlyList<NodeAgent> Agents => _agents;

    public static async Task<DemoMesh> Start(string manifests, IAnsiConsole console, CancellationToken stop)
    {
        if (!Directory.Exists(manifests))
            throw new DemoFailure($"{manifests} is not a directory");
        DirectoryContents contents = DirectorySource.Read(manifests);
        if (contents.Problems.FirstOrDefault(problem => !problem.IsRemark) is { } problem)
            throw new DemoFailure(problem.ToString());
        if (!contents.Objects.OfType<NodeObject>().Any())
            throw new DemoFailure($"{manifests} has no Node: the demo is built from Nodes, Pods and Services");

        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold]Building[/] the nodes and pods that {manifests} names, as network namespaces of this process");
        LabNetwork network = await LabNetwork.Build(LabPlan.From(contents.Objects), stop);
        var mesh = new DemoMesh(manifests, network, contents.Objects);
        try
        {
            await network.StartContainers(cancellationToken: stop);
            await mesh.StartGateways(stop);
            await mesh.StartAgents(stop);
            return mesh;
        }
        catch
        {
            await mesh.DisposeAsync();
            throw;
        }
    }

    /// <summary>httpbin as its clients know it.</summary>
    public ServiceObject Service => ServiceNamed("httpbin");

    /// <summary>The httpbin behind the waypoint.</summary>
    public ServiceObject GuardedService => ServiceNamed("guarded");

    /// <summary>What a person can run by hand while the demo is kept.</summary>
    public IEnumerable<(string Purpose, string Command)> CommandsToTry()
    {
        string client = $"nsenter --net={Network.Pod("curl").NetworkNamespace.Path}";
        string node = $"nsenter --net={Network.Nodes[0].NetworkNamespace.Path}";
        yield return ("a request through the mesh", $"{client} curl -s http://{Service.ClusterIps[0]}:8000/ip");
        yield return ("a request from outside, through the ingress gateway", $"nsenter --net={Network.Pod("legacy-client").NetworkNamespace.Path} curl -si -H 'Host: httpbin.aliyun.com' http://{Network.Pod("ingress").IPv4}/headers");
        yield return ("a request that the waypoint refuses", $"{client} curl -si http://{GuardedService.ClusterIps[0]}:8000/status/418");
        yield return ("what the ingress gateway serves", $"nsenter --net={Network.Pod("ingress").NetworkNamespace.Path} curl -s http://127.0.0.1:15000/config_dump");
        yield return ("the capture rules in the client's namespace", $"{client} nft list table inet ztunnel");
        yield return ("what the client's node knows and does", $"{node} curl -s http://127.0.0.1:15000/config_dump");
        yield return ("is it ready?", $"{node} curl -si http://127.0.0.1:15021/healthz/ready");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (GatewayAgent gateway in _gateways)
            await gateway.DisposeAsync();
        foreach (NodeAgent agent in _agents)
            await agent.DisposeAsync();
        await Network.DisposeAsync();
        _loggers.Dispose();
        _output.Dispose();
        _authority.Dispose();
    }

    private ServiceObject ServiceNamed(string name) =>
        _objects.OfType<ServiceObject>().FirstOrDefault(service => service.Metadata.Name == name) ?? throw new DemoFailure($"{Manifests} has no Service {name}");

    /// <summary>Runs in each pod that is labelled as a Gateway's what <c>ztunnel gateway</c> would run there.</summary>
    private async Task StartGateways(CancellationToken stop)
    {
        foreach (PodObject pod in _objects.OfType<PodObject>())
        {
            if (pod.Metadata.Labels[WaypointLabels.GatewayInstance] is not { } gateway)
                continue;
            var options = new GatewayAgentOptions
            {
                Name = new GatewayName(pod.Metadata.Namespace, gateway),
                Source = new DirectorySource(Manifests, logger: _loggers.CreateLogger<DirectorySource>()),
                Workers = 1,
                Engine = new GatewayOptions { Namespace = Network.Pod(pod.Metadata.Name).NetworkNamespace },
                Diagnostics = new DiagnosticsOptions(),
            };
            _gateways.Add(await GatewayAgent.Start(options, _authority, new AccessLog(_output), _loggers, stop));
        }
    }

    private async Task StartAgents(CancellationToken stop)
    {
        foreach (LabNode node in Network.Nodes)
        {
            _agents.Add(await NodeAgent.Start(
                new NodeAgentOptions
                {
                    Node = node.Name,
                    Source = new DirectorySource(Manifests, logger: _loggers.CreateLogger<DirectorySource>()),
                    NamespaceDirectory = Network.NamespaceDirectory,
                    NodeNamespace = node.NetworkNamespace,
                    Workers = 1,
                },
                _authority,
                new AccessLog(_output),
                _loggers,
                stop));
        }

        string[] ambient = [.. _agents[0].AmbientPods];
        while (ambient.Any(pod => !_agents.Exists(agent => agent.IsEnrolled(pod))))
            await Task.Delay(EnrolmentPoll, stop);
    }
}

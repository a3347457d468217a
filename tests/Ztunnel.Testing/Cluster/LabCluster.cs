using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Headers;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// A cluster in this process: the API server for tests, stand-ins for what else a cluster has, and nodes and pods as network
/// namespaces. Beside the nodes there is a host outside, where clients of the cluster are.
/// </summary>
public sealed class LabCluster : IAsyncDisposable
{
    /// <summary>The host outside the cluster.</summary>
    public const string OutsideName = "outside";

    /// <summary>Where the API server takes the addresses of Services from.</summary>
    private static readonly IPNetwork ServiceRange = IPNetwork.Parse("10.96.0.0/12");

    private static readonly TimeSpan ForKubectl = TimeSpan.FromSeconds(300);

    private readonly CancellationTokenSource _stop = new();
    private readonly ClusterCgroup _cgroup = new();
    private readonly HttpClient _http;
    private readonly ClusterCache _cache;
    private readonly List<Kubelet> _kubelets = [];
    private readonly List<Task> _standIns = [];

    private LabCluster(LabNetwork network, ApiServer server, ImageTable images)
    {
        Network = network;
        Server = server;
        Front = new ApiFront(server.Address, Outside);
        Kubeconfig = Path.Combine(network.ScratchDirectory, "kubeconfig");
        File.WriteAllText(Kubeconfig, $"""
            apiVersion: v1
            kind: Config
            current-context: lab
            clusters:
            - name: lab
              cluster:
                server: https://{Front.Address}
                certificate-authority-data: {Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(Front.RootPem))}
            users:
            - name: admin
              user: {"{"}token: {ApiUser.Admin.Token}{"}"}
            contexts:
            - name: lab
              context: {"{"}cluster: lab, user: admin{"}"}

            """);
        _http = new HttpClient { BaseAddress = server.Address, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", ApiUser.Admin.Token);
        Api = new ClusterApi(_http);
        _cache = new ClusterCache(
            Api, ClusterKind.Namespaces, ClusterKind.Nodes, ClusterKind.Pods, ClusterKind.Services, ClusterKind.EndpointSlices,
            ClusterKind.Deployments, ClusterKind.ReplicaSets, ClusterKind.DaemonSets);
        Dns = new ClusterDns(_cache, Outside);
        Images = images;
        server.Exec = async (command, _) =>
        {
            ProcessResult result = await Exec(command.Namespace, command.Pod, command.Command);
            return new PodCommandResult(result.ExitCode, result.Output, result.Error);
        };
    }

    public LabNetwork Network { get; }

    public ApiServer Server { get; }

    /// <summary>Where the cluster's own programs reach the API server, and how it goes away for them.</summary>
    public ApiFront Front { get; }

    public ClusterApi Api { get; }

    public ClusterDns Dns { get; }

    public ImageTable Images { get; }

    /// <summary>A file that lets kubectl in as administrator.</summary>
    public string Kubeconfig { get; }

    public LabNode Outside => Network.Node(OutsideName);

    /// <summary>Starts a cluster whose nodes have these names, and waits until they are ready.</summary>
    public static async Task<LabCluster> Start(ImageTable images, ImmutableDictionary<string, string> environment, params ImmutableArray<string> nodes)
    {
        LabNetwork network = await LabNetwork.Build(lab =>
        {
            foreach (string node in nodes.Append(OutsideName))
                lab.Node(node);
        });
        ApiServer server = await ApiServer.Start(new ApiServerOptions { Rbac = true });
        var cluster = new LabCluster(network, server, images);
        try
        {
            await cluster.StartStandIns(environment);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs kubectl as a person on the host outside would. Throws with what it says when it fails.</summary>
    public Task<string> Kubectl(params ImmutableArray<string> arguments) => Kubectl("", arguments);

    /// <summary>As the other, with <paramref name="input"/> for what <c>-f -</c> reads.</summary>
    public async Task<string> Kubectl(string input, ImmutableArray<string> arguments)
    {
        ProcessResult result = await Outside.Exec(AsAdministrator(new LabCommand("kubectl", arguments) { Input = input }));
        return result.ExitCode == 0
            ? result.Output
            : throw new LabException($"kubectl {string.Join(' ', arguments)}: {result.Output}{result.Error}");
    }

    /// <summary>A command with which kubectl, also below it, finds the cluster.</summary>
    public LabCommand AsAdministrator(LabCommand command) => command with
    {
        Timeout = ForKubectl,
        Environment = command.Environment
            .SetItem("KUBECONFIG", Kubeconfig)
            .SetItem("KUBECACHEDIR", Path.Combine(Network.ScratchDirectory, "kubectl")),
    };

    /// <summary>Runs a command in the first container of a pod, with its files and network, as <c>kubectl exec</c> does.</summary>
    public Task<ProcessResult> Exec(string @namespace, string pod, params ImmutableArray<string> command) =>
        Find(@namespace, pod).Containers[0].Exec(new LabCommand(command[0], command[1..]) { Timeout = ForKubectl });

    /// <summary>The network namespace of a running pod. Throws when it has none.</summary>
    public LabPod Pod(string @namespace, string name) =>
        Find(@namespace, name).Sandbox ?? throw new LabException($"pod {@namespace}/{name} has no network of its own");

    /// <summary>What the containers of a pod have written.</summary>
    public string Logs(string @namespace, string pod) => string.Join('\n', Find(@namespace, pod).Containers.Select(each => each.Output));

    /// <summary>A directory of a node's own files.</summary>
    public string NodeDirectory(string node, string path) => PodVolumes.HostPath(_kubelets.Single(each => each.Node.Name == node).NodeFiles, path);

    /// <summary>Ends the first container of a pod at once, as when it runs out of memory.</summary>
    public async Task Kill(string @namespace, string pod)
    {
        PodRun run = Find(@namespace, pod);
        await Network.Node(run.Node.Name).Exec("kill", "-s", "KILL", run.Containers[0].ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>The names of the pods that the nodes run.</summary>
    public IEnumerable<string> RunningPods => _kubelets.SelectMany(kubelet => kubelet.Pods).Select(pod => pod.ToString());

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_standIns);
        foreach (Kubelet kubelet in _kubelets)
            await kubelet.Stop();
        await _cache.DisposeAsync();
        await Dns.DisposeAsync();
        await Front.DisposeAsync();
        _http.Dispose();
        await Server.DisposeAsync();
        await Network.DisposeAsync();
        _cgroup.Dispose();
        _stop.Dispose();
    }

    private PodRun Find(string @namespace, string pod) =>
        _kubelets.Select(kubelet => kubelet.Find(@namespace, pod)).FirstOrDefault(run => run is not null)
        ?? throw new LabException($"no node runs pod {@namespace}/{pod}; they run {string.Join(", ", RunningPods)}");

    private async Task StartStandIns(ImmutableDictionary<string, string> environment)
    {
        var options = new KubeletOptions
        {
            Images = Images,
            Dns = Dns.Address,
            ApiServer = Front.Address,
            ApiServerRoot = Front.RootPem,
            Directory = Network.ScratchDirectory,
            Cgroup = _cgroup,
            Environment = environment,
        };
        List<StandIn> standIns =
        [
            new Scheduler(Api, _cache), new DeploymentStandIn(Api, _cache), new ReplicaSetStandIn(Api, _cache),
            new DaemonSetStandIn(Api, _cache), new EndpointSliceStandIn(Api, _cache), new LoadBalancerStandIn(Api, _cache),
        ];
        await ServiceProxy.AddRoutes(Outside, _stop.Token, LoadBalancerStandIn.Range);
        foreach (LabNode node in Network.Nodes.Where(node => node.Name != OutsideName))
        {
            await ServiceProxy.AddRoutes(node, _stop.Token, ServiceRange, LoadBalancerStandIn.Range);
            var kubelet = new Kubelet(Api, _cache, Network, node, options);
            standIns.Add(kubelet);
            standIns.Add(new ServiceProxy(Api, _cache, node, announces: _kubelets.Count == 0));
            _kubelets.Add(kubelet);
            await kubelet.Register(_stop.Token);
        }

        _standIns.AddRange(standIns.Select(each => Task.Run(() => each.Run(_stop.Token))));
    }
}

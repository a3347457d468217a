using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Stands in for the kubelet and the container runtime of one node: runs the pods that are bound to it and says in their status how
/// they are.
/// </summary>
internal sealed class Kubelet : StandIn
{
    /// <summary>What of a node's files its own programs and its pods see instead of the machine's.</summary>
    private static readonly ImmutableArray<string> NodePaths = ["/etc/cni", "/opt/cni", "/run/ztunnel", "/var/lib/cni", "/var/lib/ztunnel"];

    private readonly ConcurrentDictionary<string, (PodRun Run, Task Task)> _pods = new(StringComparer.Ordinal);

    public Kubelet(ClusterApi api, ClusterCache cache, LabNetwork network, LabNode node, KubeletOptions options)
        : base(api, cache)
    {
        Network = network;
        Node = node;
        Options = options;
        NodeFiles = Directory.CreateDirectory(Path.Combine(options.Directory, "nodes", node.Name)).FullName;
        Layer = Directory.CreateDirectory(Path.Combine(options.Directory, "layer")).FullName;
        Cni = new CniChain(
            PodVolumes.HostPath(NodeFiles, "/etc/cni/net.d"), PodVolumes.HostPath(NodeFiles, "/opt/cni/bin"), RunOnNode);
        Cni.Install();
    }

    public LabNetwork Network { get; }

    public LabNode Node { get; }

    public KubeletOptions Options { get; }

    /// <summary>The node's own files: what hostPath volumes lead to.</summary>
    public string NodeFiles { get; }

    /// <summary>Where containers put their layer, each in a mount namespace of its own.</summary>
    public string Layer { get; }

    public CniChain Cni { get; }

    /// <summary>The pods that run here.</summary>
    public IEnumerable<ClusterObject> Pods => Running.Select(run => run.Pod);

    /// <summary>A pod that runs here, or null.</summary>
    public PodRun? Find(string @namespace, string name) =>
        Running.FirstOrDefault(run => run.Pod.Namespace == @namespace && run.Pod.Name == name);

    /// <summary>Those that have ended are forgotten when the cluster next changes, which may be never.</summary>
    private IEnumerable<PodRun> Running => _pods.Values.Where(each => !each.Task.IsCompleted).Select(each => each.Run);

    /// <summary>Makes the Node object and says that it is ready.</summary>
    public async Task Register(CancellationToken cancellationToken)
    {
        await Create(ClusterKind.Nodes, "", new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = Node.Name,
                ["labels"] = new JsonObject { ["kubernetes.io/hostname"] = Node.Name, ["kubernetes.io/os"] = "linux" },
            },
            ["spec"] = new JsonObject
            {
                ["podCIDR"] = $"{Node.Plan.PodRanges[0]}",
                ["podCIDRs"] = new JsonArray([.. Node.Plan.PodRanges.Select(range => JsonValue.Create($"{range}"))]),
            },
        }, cancellationToken);
        await Patch(ClusterKind.Nodes, Cache.Find(ClusterKind.Nodes, "", Node.Name)!, new JsonObject
        {
            ["status"] = new JsonObject
            {
                ["addresses"] = new JsonArray([.. Node.Addresses.Select(address => new JsonObject { ["type"] = "InternalIP", ["address"] = $"{address}" })]),
                ["conditions"] = new JsonArray(PodTemplate.Condition("Ready", met: true, "KubeletReady")),
            },
        }, cancellationToken, "status");
    }

    /// <summary>Ends all pods without telling anybody, as when a node loses its power.</summary>
    public async Task Stop()
    {
        foreach ((PodRun run, _) in _pods.Values)
            run.Abandon();
        await Task.WhenAll(_pods.Values.Select(each => each.Task));
        foreach ((PodRun run, _) in _pods.Values)
            run.Dispose();
    }

    protected override Task Reconcile(CancellationToken cancellationToken)
    {
        Dictionary<string, ClusterObject> mine = Cache.All(ClusterKind.Pods)
            .Where(pod => ClusterObject.Text(pod.Spec?["nodeName"]) == Node.Name)
            .ToDictionary(pod => pod.Uid, StringComparer.Ordinal);
        foreach (ClusterObject pod in mine.Values)
        {
            if (_pods.TryGetValue(pod.Uid, out (PodRun Run, Task Task) known))
                known.Run.Update(pod);
            else
                Begin(pod);
        }

        foreach ((string uid, (PodRun run, Task task)) in _pods)
        {
            if (task.IsCompleted && !mine.ContainsKey(uid) && _pods.TryRemove(uid, out _))
                run.Dispose();
            else if (!mine.ContainsKey(uid))
                run.Abandon();
        }

        return Task.CompletedTask;
    }

    private void Begin(ClusterObject pod)
    {
        var run = new PodRun(this, Api, Cache, pod);
        _pods[pod.Uid] = (run, Task.Run(run.Run, CancellationToken.None));
    }

    private Task<ProcessResult> RunOnNode(LabCommand command, CancellationToken cancellationToken) => Node.Exec(
        ContainerRoot.Wrap(command, "/dev/null", Layer, NodePaths.Select(path => (PodVolumes.HostPath(NodeFiles, path), path)), new ContainerSecurity(false, []), ownMounts: false),
        cancellationToken);
}

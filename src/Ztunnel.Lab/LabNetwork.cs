using System.Collections.Immutable;
using Ztunnel.IO;

namespace Ztunnel.Lab;

/// <summary>
/// Nodes and pods on one machine: each a network namespace, joined by veth pairs and bridges, with IPv4 and IPv6 routes from
/// every pod to every other. Nothing is made in the machine's own namespace and nothing has a name in it: namespaces are held
/// by this process's descriptors and programs die with this process, so that even SIGKILL leaves nothing behind but a
/// directory of dangling links, which the next lab removes. Needs root.
/// </summary>
public sealed class LabNetwork : IAsyncDisposable
{
    private readonly ProcessThread _processThread = new();
    private readonly NamespaceLinks _directory = NamespaceLinks.Create();
    private readonly NetworkNamespace _fabric = NetworkNamespace.Create();
    private ImmutableArray<LabProcess> _processes = [];

    private LabNetwork(LabPlan plan)
    {
        Plan = plan;
        Nodes = [.. plan.Nodes.Select(node => new LabNode(this, NetworkNamespace.Create(), node))];
        Pods = [.. plan.Pods.Select(pod => new LabPod(this, NetworkNamespace.Create(), pod))];
    }

    /// <summary>Whether this kernel has IPv6.</summary>
    public static bool KernelHasIPv6 { get; } = File.Exists("/proc/net/if_inet6");

    /// <summary>What the lab was built from.</summary>
    public LabPlan Plan { get; }

    /// <summary>The nodes.</summary>
    public ImmutableArray<LabNode> Nodes { get; }

    /// <summary>The pods.</summary>
    public ImmutableArray<LabPod> Pods { get; }

    /// <summary>
    /// A directory with a link for each pod, named by <see cref="PodPlan.NamespaceName"/>, to its network namespace: what an
    /// agent looks names up in. The links are good as long as the lab is.
    /// </summary>
    public string NamespaceDirectory => _directory.Pods;

    /// <summary>As <see cref="NamespaceDirectory"/>, for the nodes by their names.</summary>
    public string NodeNamespaceDirectory => _directory.Nodes;

    /// <summary>Builds the lab that <paramref name="describe"/> describes.</summary>
    public static Task<LabNetwork> Build(Action<LabBuilder> describe, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(describe);
        var builder = new LabBuilder();
        describe(builder);
        return Build(builder.ToPlan(), cancellationToken);
    }

    /// <summary>Builds a lab. Throws <see cref="LabException"/> when the plan contradicts itself or a command of <c>ip</c> fails.</summary>
    public static async Task<LabNetwork> Build(LabPlan plan, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.Validate();
        var lab = new LabNetwork(plan);
        try
        {
            await Wiring.Build(lab._fabric, lab.Nodes, lab.Pods, cancellationToken);
            foreach (LabNode node in lab.Nodes)
                lab._directory.LinkNode(node.Name, node.NetworkNamespace);
            foreach (LabPod pod in lab.Pods)
                lab._directory.LinkPod(pod.Plan.NamespaceName, pod.NetworkNamespace);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>The node of that name. Throws when there is none.</summary>
    public LabNode Node(string name) =>
        Nodes.FirstOrDefault(node => string.Equals(node.Name, name, StringComparison.Ordinal)) ?? throw new LabException($"there is no node '{name}'");

    /// <summary>The pod of that name, or of that <c>namespace/name</c>. Throws when there is none or more than one.</summary>
    public LabPod Pod(string name)
    {
        LabPod[] found = [.. Pods.Where(pod => name == pod.Name || name == pod.Plan.ToString())];
        return found is [LabPod pod] ? pod : throw new LabException($"there are {found.Length} pods '{name}'");
    }

    /// <summary>
    /// Starts every pod's containers and waits until each listens on its ports. Throws <see cref="LabException"/>, with what
    /// the container said, when one ends or does not listen within <paramref name="patience"/> (30 s).
    /// </summary>
    public async Task StartContainers(TimeSpan? patience = null, CancellationToken cancellationToken = default)
    {
        var started = new List<(LabPod Pod, LabProcess Process, int Port)>();
        foreach (LabPod pod in Pods)
        {
            foreach (ContainerPlan container in pod.Plan.Containers)
            {
                LabProcess process = await pod.Start(container.Command);
                started.AddRange(container.Ports.Select(port => (pod, process, port)));
            }
        }

        foreach ((LabPod pod, LabProcess process, int port) in started)
            await pod.WaitUntilListening(port, process, patience ?? TimeSpan.FromSeconds(30), cancellationToken);
    }

    /// <summary>Runs a program in a pod to its end.</summary>
    public Task<ProcessResult> Exec(string pod, string file, params ImmutableArray<string> arguments) => Pod(pod).Exec(file, arguments);

    /// <summary>
    /// Starts to record every packet that enters or leaves a node through the fabric, which for two nodes is everything between
    /// them. Needs <c>tcpdump</c>.
    /// </summary>
    public Task<PacketCapture> Capture(string node) => PacketCapture.Start(this, Node(node));

    internal Task<LabProcess> StartOnFabric(LabNode node, LabCommand command) => Start(new FabricPort(this, _fabric, node), command);

    internal string PortOf(LabNode node) => Wiring.FabricPort(Nodes.IndexOf(node));

    internal async Task<LabProcess> Start(LabHost host, LabCommand command)
    {
        LabProcess process = await LabProcess.Start(_processThread, host, command);
        ImmutableInterlocked.Update(ref _processes, (all, added) => all.RemoveAll(other => other.HasExited).Add(added), process);
        return process;
    }

    /// <summary>Ends every program and lets go of everything.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (LabProcess process in _processes)
            await process.DisposeAsync();
        _processThread.Dispose();
        _directory.Dispose();
        foreach (LabHost host in Pods.Concat<LabHost>(Nodes))
            host.NetworkNamespace.Dispose();
        _fabric.Dispose();
    }

    /// <summary>The fabric's end of a node's link, as something to run programs at.</summary>
    private sealed class FabricPort(LabNetwork lab, NetworkNamespace fabric, LabNode node) : LabHost(lab, fabric, [])
    {
        internal override bool OwnProcessTree => false;

        public override string ToString() => $"the fabric at {node}";
    }
}

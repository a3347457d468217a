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
    private readonly Dictionary<string, PodAddresses> _addresses;
    private ImmutableArray<LabProcess> _processes = [];
    private ImmutableArray<LabPod> _pods;
    private int _podsMade;

    private LabNetwork(LabPlan plan)
    {
        Plan = plan;
        Nodes = [.. plan.Nodes.Select(node => new LabNode(this, NetworkNamespace.Create(), node))];
        _pods = [.. plan.Pods.Select(NewPod)];
        _addresses = plan.Nodes.ToDictionary(
            node => node.Name,
            node => new PodAddresses(node, plan.Pods.SelectMany(pod => pod.Addresses)),
            StringComparer.Ordinal);
    }

    /// <summary>Whether this kernel has IPv6.</summary>
    public static bool KernelHasIPv6 { get; } = File.Exists("/proc/net/if_inet6");

    /// <summary>What the lab was built from.</summary>
    public LabPlan Plan { get; }

    /// <summary>The nodes.</summary>
    public ImmutableArray<LabNode> Nodes { get; }

    /// <summary>The pods there are now.</summary>
    public ImmutableArray<LabPod> Pods => _pods;

    /// <summary>
    /// A directory with a link for each pod, named by <see cref="PodPlan.NamespaceName"/>, to its network namespace: what an
    /// agent looks names up in. The links are good as long as the lab is.
    /// </summary>
    public string NamespaceDirectory => _directory.Pods;

    /// <summary>As <see cref="NamespaceDirectory"/>, for the nodes by their names.</summary>
    public string NodeNamespaceDirectory => _directory.Nodes;

    /// <summary>A directory for whatever a test needs as long as the lab is; it goes with it.</summary>
    public string ScratchDirectory => _directory.Scratch;

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

    /// <summary>
    /// Adds a pod to a running lab, with addresses of its node's ranges that no pod has. Its link in
    /// <see cref="NamespaceDirectory"/> has its name unless <paramref name="namespaceName"/> says another. Throws
    /// <see cref="LabException"/> when there is such a link already, no such node, or no address left.
    /// </summary>
    public async Task<LabPod> AddPod(
        string node, string name, string @namespace = "default", string? namespaceName = null, CancellationToken cancellationToken = default)
    {
        LabNode on = Node(node);
        var plan = new PodPlan
        {
            Name = name,
            Namespace = @namespace,
            Node = node,
            Addresses = _addresses[node].Take(),
            NamespaceName = namespaceName ?? name,
        };
        LabPod pod = NewPod(plan);
        try
        {
            await Wiring.Attach(on, pod, cancellationToken);
            _directory.LinkPod(plan.NamespaceName, pod.NetworkNamespace);
        }
        catch
        {
            pod.NetworkNamespace.Dispose();
            _addresses[node].Return(plan.Addresses);
            throw;
        }

        ImmutableInterlocked.Update(ref _pods, (all, added) => all.Add(added), pod);
        return pod;
    }

    /// <summary>
    /// Ends a pod's programs, takes it off the network and lets go of its namespace and its addresses. Whoever else holds the
    /// namespace has one without a link to anywhere. Does nothing when it was removed before.
    /// </summary>
    public async Task RemovePod(LabPod pod)
    {
        ArgumentNullException.ThrowIfNull(pod);
        if (!ImmutableInterlocked.Update(ref _pods, (all, removed) => all.Remove(removed), pod))
            return;
        foreach (LabProcess process in _processes.Where(process => process.Host == pod))
            await process.DisposeAsync();
        _directory.UnlinkPod(pod.Plan.NamespaceName);
        await Wiring.Detach(Node(pod.Plan.Node), pod, CancellationToken.None);
        pod.NetworkNamespace.Dispose();
        _addresses[pod.Plan.Node].Return(pod.Addresses);
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

    private LabPod NewPod(PodPlan plan) => new(this, NetworkNamespace.Create(), plan, $"pod{Interlocked.Increment(ref _podsMade)}");

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

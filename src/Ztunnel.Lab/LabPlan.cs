using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Resources;

namespace Ztunnel.Lab;

/// <summary>What a lab is to consist of: nodes on one fabric, and pods on them.</summary>
public sealed record LabPlan
{
    /// <summary>The nodes, each with a name of its own.</summary>
    public required ImmutableArray<NodePlan> Nodes { get; init; }

    /// <summary>The pods; each on one of <see cref="Nodes"/>.</summary>
    public required ImmutableArray<PodPlan> Pods { get; init; }

    /// <summary>
    /// The plan that a set of Kubernetes objects describes: its Nodes (InternalIP addresses, podCIDRs) and the Pods on them
    /// (podIPs, nodeName, containers with a command). Other kinds, and pods that share their node's network, are left out.
    /// </summary>
    public static LabPlan From(IEnumerable<KubernetesObject> objects)
    {
        KubernetesObject[] all = [.. objects];
        return new LabPlan
        {
            Nodes = [.. all.OfType<NodeObject>().Select(NodePlan.From)],
            Pods = [.. all.OfType<PodObject>().Where(pod => !pod.HostNetwork).Select(PodPlan.From)],
        };
    }

    /// <summary>
    /// Throws <see cref="LabException"/>, naming the object and what is wrong with it, unless every name and address is there
    /// once, every pod's node exists and every pod's address lies in its node's range.
    /// </summary>
    public void Validate()
    {
        Dictionary<string, NodePlan> nodes = Unique(Nodes, node => node.Name, "node");
        _ = Unique(Pods, pod => pod.ToString(), "pod");
        _ = Unique(Pods, pod => pod.NamespaceName, "network namespace name");
        _ = Unique(Nodes.SelectMany(node => node.Addresses).Concat(Pods.SelectMany(pod => pod.Addresses)), ip => ip.ToString(), "address");
        foreach (PodPlan pod in Pods)
        {
            if (!nodes.TryGetValue(pod.Node, out NodePlan? node))
                throw new LabException($"pod {pod}: there is no node '{pod.Node}'");
            if (pod.Addresses.IsEmpty)
                throw new LabException($"pod {pod}: it has no address");
            foreach (IPAddress address in pod.Addresses)
                _ = node.RangeOf(address) ?? throw new LabException($"pod {pod}: {address} is in no pod range of node '{node.Name}'");
        }
    }

    private static Dictionary<string, T> Unique<T>(IEnumerable<T> items, Func<T, string> key, string what)
    {
        var seen = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (T item in items)
        {
            if (!seen.TryAdd(key(item), item))
                throw new LabException($"the {what} '{key(item)}' is there twice");
        }

        return seen;
    }
}

/// <summary>A node: a network namespace on the fabric with a bridge for its pods.</summary>
public sealed record NodePlan
{
    /// <summary>The node's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its addresses on the fabric, at most one of each family.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>The ranges its pods have their addresses from; the first address of each is the pods' gateway.</summary>
    public required ImmutableArray<IPNetwork> PodRanges { get; init; }

    /// <summary>Its fabric address of that family, or null.</summary>
    public IPAddress? AddressOf(AddressFamily family) => Addresses.FirstOrDefault(address => address.AddressFamily == family);

    /// <summary>The pod range that holds <paramref name="address"/>, or null.</summary>
    public IPNetwork? RangeOf(IPAddress address)
    {
        foreach (IPNetwork range in PodRanges)
        {
            if (range.Contains(address))
                return range;
        }

        return null;
    }

    internal static NodePlan From(NodeObject node) => new()
    {
        Name = node.Metadata.Name,
        Addresses = [.. node.InternalAddresses],
        PodRanges = [.. node.PodRanges],
    };

    /// <summary>The address of the node on the link to its pod with <paramref name="pod"/>. Throws when that is in no range of the node.</summary>
    public IPAddress GatewayOf(IPAddress pod) => GatewayOf(RangeOf(pod)!.Value);

    /// <summary>The first address of a range: the node's own end of its pods' links.</summary>
    internal static IPAddress GatewayOf(IPNetwork range)
    {
        byte[] bytes = range.BaseAddress.GetAddressBytes();
        bytes[^1] |= 1;
        return new IPAddress(bytes);
    }
}

/// <summary>A pod: a network namespace with one interface on its node's bridge.</summary>
public sealed record PodPlan
{
    private readonly string? _namespaceName;

    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's Kubernetes namespace.</summary>
    public string Namespace { get; init; } = "default";

    /// <summary>The node it is on.</summary>
    public required string Node { get; init; }

    /// <summary>Its addresses.</summary>
    public required ImmutableArray<IPAddress> Addresses { get; init; }

    /// <summary>The name under which the agent finds its network namespace; the pod's name unless set.</summary>
    public string NamespaceName
    {
        get => _namespaceName ?? Name;
        init => _namespaceName = value;
    }

    /// <summary>What runs in it, once <see cref="LabNetwork.StartContainers"/> is told to.</summary>
    public ImmutableArray<ContainerPlan> Containers { get; init; } = [];

    internal static PodPlan From(PodObject pod)
    {
        string? name = pod.Metadata.Annotations[PodObject.NetworkNamespaceAnnotation];
        return new PodPlan
        {
            Name = pod.Metadata.Name,
            Namespace = pod.Metadata.Namespace,
            Node = pod.NodeName,
            Addresses = [.. pod.Addresses],
            NamespaceName = name is null || Path.IsPathRooted(name) ? pod.Metadata.Name : name,
            Containers = [.. pod.Containers.Where(container => container.Command.Count > 0).Select(ContainerPlan.From)],
        };
    }

    /// <summary><c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

/// <summary>A program of a pod.</summary>
/// <param name="Name">The container's name.</param>
/// <param name="Command">What to run.</param>
/// <param name="Ports">The TCP ports it listens on once it is ready.</param>
public sealed record ContainerPlan(string Name, LabCommand Command, ImmutableArray<int> Ports)
{
    internal static ContainerPlan From(PodContainer container) => new(
        container.Name,
        new LabCommand(container.Command[0], [.. container.Command.Skip(1), .. container.Arguments])
        {
            Environment = container.Environment.Entries.ToImmutableDictionary(StringComparer.Ordinal),
        },
        [.. container.Ports.Where(port => port.Protocol == TransportProtocol.Tcp).Select(port => (int)port.Port)]);
}

using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Lab;

/// <summary>What a lab is to consist of: nodes on one fabric, and pods on them.</summary>
public sealed record LabPlan
{
    /// <summary>The nodes, each with a name of its own.</summary>
    public required ImmutableArray<NodePlan> Nodes { get; init; }

    /// <summary>The pods; each on one of <see cref="Nodes"/>.</summary>
    public required ImmutableArray<PodPlan> Pods { get; init; }

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

    /// <summary><c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Lab;

/// <summary>
/// Says in a few lines what a lab consists of and gives everything its addresses: nodes 172.18.0.2, .3, … and
/// fc00:f853:ccd:e793::2, …; pods 10.244.N.2, … and fd00:10:244:N::2, … on node N, counted from 0 in order of mention.
/// </summary>
public sealed class LabBuilder
{
    private readonly List<LabNodeBuilder> _nodes = [];

    /// <summary>Whether nodes and pods get IPv6 addresses; true unless set or the kernel has no IPv6.</summary>
    public bool IPv6 { get; set; } = LabNetwork.KernelHasIPv6;

    /// <summary>Adds a node. At most 250.</summary>
    public LabNodeBuilder Node(string name)
    {
        var node = new LabNodeBuilder(name);
        _nodes.Add(node);
        return node;
    }

    /// <summary>The plan that came of it.</summary>
    public LabPlan ToPlan() => new()
    {
        Nodes = [.. _nodes.Select((node, index) => NodeAt(index, node.Name))],
        Pods = [.. _nodes.SelectMany((node, index) => node.Pods.Select((pod, position) => PodAt(index, position, node.Name, pod)))],
    };

    private NodePlan NodeAt(int index, string name) => new()
    {
        Name = name,
        Addresses = Both($"172.18.0.{index + 2}", $"fc00:f853:ccd:e793::{index + 2:x}"),
        PodRanges = [.. new[] { $"10.244.{index}.0/24", $"fd00:10:244:{index:x}::/64" }
            .Take(IPv6 ? 2 : 1).Select(range => IPNetwork.Parse(range))],
    };

    private PodPlan PodAt(int node, int position, string nodeName, LabPodBuilder pod) => new()
    {
        Name = pod.Name,
        Namespace = pod.Namespace,
        Node = nodeName,
        Addresses = Both($"10.244.{node}.{position + 2}", $"fd00:10:244:{node:x}::{position + 2:x}"),
    };

    private ImmutableArray<IPAddress> Both(string ipv4, string ipv6) =>
        IPv6 ? [IPAddress.Parse(ipv4), IPAddress.Parse(ipv6)] : [IPAddress.Parse(ipv4)];
}

/// <summary>A node being described.</summary>
public sealed class LabNodeBuilder
{
    private readonly List<LabPodBuilder> _pods = [];

    internal LabNodeBuilder(string name) => Name = name;

    internal string Name { get; }

    internal IReadOnlyList<LabPodBuilder> Pods => _pods;

    /// <summary>Adds a pod to the node and returns the node. At most 250.</summary>
    public LabNodeBuilder Pod(string name, string @namespace = "default")
    {
        _pods.Add(new LabPodBuilder(name, @namespace));
        return this;
    }
}

/// <summary>A pod being described.</summary>
internal sealed record LabPodBuilder(string Name, string Namespace);

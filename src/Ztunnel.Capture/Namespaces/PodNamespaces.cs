using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Pods' network namespaces: found in one of two ways, or given, and each made sure to be that pod's and nobody else's.</summary>
internal sealed class PodNamespaces
{
    private readonly ulong _agents;
    private readonly ulong? _nodes;
    private readonly INamespaceFinder _finder;
    private readonly ConcurrentDictionary<ulong, Workload> _owners = new();

    public PodNamespaces(CaptureOptions options)
    {
        _nodes = options.NodeNamespace?.Inode;
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        _agents = own.Inode;
        _finder = options.Proc is { } proc
            ? new ProcessNamespaces(proc, _nodes is { } nodes ? [_agents, nodes] : [_agents])
            : new NamedNamespaces(options.NamespaceDirectory);
    }

    /// <summary>Where the pod's namespace should be; null when nothing says so beforehand.</summary>
    public string? PathOf(Workload workload) => _finder.PathOf(workload);

    /// <summary>Opens what seems to be the pod's namespace. Throws <see cref="EnrolmentException"/>.</summary>
    public Task<FoundNamespace> Find(Workload workload, CancellationToken cancellationToken) => _finder.Find(workload, cancellationToken);

    /// <summary>Claims a namespace for a pod. Throws <see cref="EnrolmentException"/>, having changed nothing, when it is not the pod's.</summary>
    public void Claim(Workload workload, NetworkNamespace ns)
    {
        Check(workload, ns);
        Workload owner = _owners.GetOrAdd(ns.Inode, workload);
        if (owner.Uid != workload.Uid)
            throw new EnrolmentException(EnrolmentFailure.NamespaceTaken, $"{ns.Path} is the network namespace that pod {owner} (uid {owner.Uid}) is enrolled in");
    }

    /// <summary>Ends a claim.</summary>
    public void Release(NetworkNamespace ns) => _owners.TryRemove(ns.Inode, out _);

    /// <summary>
    /// Whether a claimed namespace is still the pod's. It is not when another would be found now; when the pod has other
    /// addresses than <paramref name="before"/> and they are not in it; or when nothing is found and the pod's addresses
    /// have left it, as when a pod's sandbox is torn down.
    /// </summary>
    public async Task<bool> IsStill(NetworkNamespace claimed, Workload before, Workload workload, CancellationToken cancellationToken)
    {
        if (!before.Addresses.AsSpan().SequenceEqual(workload.Addresses.AsSpan()) && !Holds(claimed, workload))
            return false;
        return await _finder.Finds(workload, claimed, cancellationToken) ?? Holds(claimed, workload);
    }

    /// <summary>Whether all of the pod's addresses are in a namespace. Throws <see cref="EnrolmentException"/>.</summary>
    public static bool Holds(NetworkNamespace ns, Workload workload) => Missing(workload, ns).IsEmpty;

    /// <summary>Whether one of these addresses is in a namespace. Throws <see cref="EnrolmentException"/>.</summary>
    public static bool HoldsAny(NetworkNamespace ns, ImmutableArray<IPAddress> addresses) => AddressesIn(ns).Overlaps(addresses);

    private void Check(Workload workload, NetworkNamespace ns)
    {
        if (ns.Inode == _agents || ns.Inode == _nodes)
            throw new EnrolmentException(EnrolmentFailure.NodeNamespace, $"{ns.Path} is the node's own network namespace");
        ImmutableArray<IPAddress> missing = Missing(workload, ns);
        if (!missing.IsEmpty)
            throw new EnrolmentException(EnrolmentFailure.AddressMismatch, $"{ns.Path} does not hold the pod's address {string.Join(" and ", missing)}");
    }

    private static ImmutableArray<IPAddress> Missing(Workload workload, NetworkNamespace ns)
    {
        HashSet<IPAddress> held = AddressesIn(ns);
        return [.. workload.Addresses.Where(address => !held.Contains(address))];
    }

    private static HashSet<IPAddress> AddressesIn(NetworkNamespace ns)
    {
        try
        {
            return [.. ns.Addresses()];
        }
        catch (IOException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.NamespaceUnusable, failure.Message, failure);
        }
    }
}

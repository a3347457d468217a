using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Finds pods' network namespaces and makes sure that each is that pod's and nobody else's.</summary>
internal sealed class PodNamespaces
{
    private readonly string _directory;
    private readonly ulong _agents;
    private readonly ulong? _nodes;
    private readonly ConcurrentDictionary<ulong, Workload> _owners = new();

    public PodNamespaces(CaptureOptions options)
    {
        _directory = options.NamespaceDirectory;
        _nodes = options.NodeNamespace?.Inode;
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        _agents = own.Inode;
    }

    /// <summary>Where the pod's namespace should be; null when nothing says so.</summary>
    public string? PathOf(Workload workload) =>
        workload.NetworkNamespace is { Length: > 0 } name && !name.Contains('\0') ? Path.GetFullPath(name, Path.GetFullPath(_directory)) : null;

    /// <summary>Opens the pod's namespace and claims it for the pod. Throws <see cref="EnrolmentException"/>, having changed nothing.</summary>
    public NetworkNamespace Claim(Workload workload)
    {
        string path = PathOf(workload)
            ?? throw new EnrolmentException(EnrolmentFailure.NamespaceNotNamed, "the annotation ztunnel.io/network-namespace names no network namespace");
        NetworkNamespace ns = Open(path);
        try
        {
            Check(workload, ns);
            Workload owner = _owners.GetOrAdd(ns.Inode, workload);
            return owner.Uid == workload.Uid
                ? ns
                : throw new EnrolmentException(EnrolmentFailure.NamespaceTaken, $"{path} is the network namespace that pod {owner} (uid {owner.Uid}) is enrolled in");
        }
        catch
        {
            ns.Dispose();
            throw;
        }
    }

    /// <summary>Ends a claim.</summary>
    public void Release(NetworkNamespace ns) => _owners.TryRemove(ns.Inode, out _);

    /// <summary>
    /// Whether a claimed namespace is still the pod's. It is not when another is at the path now; when the pod has other
    /// addresses than <paramref name="before"/> and they are not in it; or when nothing is at the path and the pod's addresses
    /// have left it, as when a pod's sandbox is torn down. A path alone may vanish from under a pod that runs on.
    /// </summary>
    public bool IsStill(NetworkNamespace claimed, Workload before, Workload workload)
    {
        if (!before.Addresses.AsSpan().SequenceEqual(workload.Addresses.AsSpan()) && !Missing(workload, claimed).IsEmpty)
            return false;
        try
        {
            using NetworkNamespace? current = PathOf(workload) is { } path ? Open(path) : null;
            return current is null || current.Inode == claimed.Inode;
        }
        catch (EnrolmentException)
        {
            return Missing(workload, claimed).IsEmpty;
        }
    }

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
        try
        {
            var held = ns.Addresses().ToHashSet();
            return [.. workload.Addresses.Where(address => !held.Contains(address))];
        }
        catch (IOException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.NamespaceUnusable, failure.Message, failure);
        }
    }

    private static NetworkNamespace Open(string path)
    {
        try
        {
            return NetworkNamespace.Open(path);
        }
        catch (NetworkNamespaceException failure)
        {
            throw new EnrolmentException(failure.Failure switch
            {
                NetworkNamespaceFailure.Absent => EnrolmentFailure.NamespaceAbsent,
                NetworkNamespaceFailure.NotANetworkNamespace => EnrolmentFailure.NotANetworkNamespace,
                _ => EnrolmentFailure.NamespaceUnusable,
            }, failure.Message, failure);
        }
    }
}

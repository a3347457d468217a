using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// Finds namespaces by what pods say of themselves (annotation <c>ztunnel.io/network-namespace</c>): for manifests, which whoever
/// runs the node has written. In a cluster anybody who may make a pod could name another's.
/// </summary>
internal sealed class NamedNamespaces(string directory) : INamespaceFinder
{
    /// <inheritdoc/>
    public string? PathOf(Workload pod) =>
        pod.NetworkNamespace is { Length: > 0 } name && !name.Contains('\0') ? Path.GetFullPath(name, Path.GetFullPath(directory)) : null;

    /// <inheritdoc/>
    public Task<FoundNamespace> Find(Workload pod, CancellationToken cancellationToken) => Task.FromResult(new FoundNamespace(
        Open(PathOf(pod) ?? throw new EnrolmentException(EnrolmentFailure.NamespaceNotNamed, "the annotation ztunnel.io/network-namespace names no network namespace")),
        RunsSince: null));

    /// <summary>A path alone may vanish from under a pod that runs on, as may the name of it.</summary>
    public Task<bool?> Finds(Workload pod, NetworkNamespace held, CancellationToken cancellationToken)
    {
        if (PathOf(pod) is not { } path)
            return Task.FromResult<bool?>(true);
        try
        {
            using NetworkNamespace current = Open(path);
            return Task.FromResult<bool?>(current.Inode == held.Inode);
        }
        catch (EnrolmentException)
        {
            return Task.FromResult<bool?>(null);
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
            throw EnrolmentException.Of(failure);
        }
    }
}

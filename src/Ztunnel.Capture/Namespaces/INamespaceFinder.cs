using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Says which network namespace seems to be a pod's. Whether it is, <see cref="PodNamespaces"/> checks.</summary>
internal interface INamespaceFinder
{
    /// <summary>Where the pod's namespace should be; null when nothing says so beforehand.</summary>
    string? PathOf(Workload pod);

    /// <summary>Opens the namespace. Throws <see cref="EnrolmentException"/>.</summary>
    Task<FoundNamespace> Find(Workload pod, CancellationToken cancellationToken);

    /// <summary>Whether <paramref name="held"/> is what would be found now: false when another would, null when none.</summary>
    Task<bool?> Finds(Workload pod, NetworkNamespace held, CancellationToken cancellationToken);
}

/// <summary>A pod's network namespace.</summary>
/// <param name="Namespace">It, open.</param>
/// <param name="RunsSince">When the pod's first process in it started; null when that is not known.</param>
internal readonly record struct FoundNamespace(NetworkNamespace Namespace, DateTimeOffset? RunsSince);

using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Where a pod is looked up that the container runtime is making.</summary>
public interface IPodDirectory
{
    /// <summary>
    /// The pod of that name, judged by its labels and its namespace's; null when there is none with that uid. Asks whoever knows
    /// when the model has not heard of it. Throws <see cref="IOException"/> when that cannot be said now.
    /// </summary>
    /// <param name="namespace">Its namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="uid">Its uid; null when any will do.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    ValueTask<Workload?> Find(string @namespace, string name, string? uid, CancellationToken cancellationToken);
}

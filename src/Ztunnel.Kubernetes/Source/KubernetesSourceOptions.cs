using Ztunnel.Mesh;

namespace Ztunnel.Kubernetes;

/// <summary>What a <see cref="KubernetesSource"/> reads.</summary>
public sealed record KubernetesSourceOptions
{
    /// <summary>What the agent is for.</summary>
    public required MeshRole Role { get; init; }

    /// <summary>For a node's agent, its node: the pods of that are read in full.</summary>
    public string? Node { get; init; }

    /// <summary>For a gateway, the pod it is, which is read in full: it has to find itself, whether anything captures it or not.</summary>
    public (string Namespace, string Name)? Pod { get; init; }

    /// <summary>
    /// Whether all pods are read in full, as the controller does always: it has to know who is who before anything is captured. Else of pods of other nodes metadata and what <c>kubectl get</c> shows is asked for: far
    /// less, and enough where it is our agents that enrol, because they write the service account into an annotation.
    /// </summary>
    public bool FullPods { get; init; }

    /// <summary>
    /// The Gateway whose Secrets are read, those that it needs; where nobody makes anything for one of that name, those that the
    /// Gateways of its namespace need that somebody else runs. Null for those that all Gateways need.
    /// </summary>
    public GatewayName? Gateway { get; init; }

    /// <summary>How collections are watched.</summary>
    public ResourceWatchOptions Watching { get; init; } = new();
}

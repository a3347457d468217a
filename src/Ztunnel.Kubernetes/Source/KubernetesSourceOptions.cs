namespace Ztunnel.Kubernetes;

/// <summary>What a <see cref="KubernetesSource"/> reads.</summary>
public sealed record KubernetesSourceOptions
{
    /// <summary>What the agent is for.</summary>
    public required MeshRole Role { get; init; }

    /// <summary>For a node's agent, its node: the pods of that are read in full.</summary>
    public string? Node { get; init; }

    /// <summary>
    /// Whether all pods are read in full. Else of pods of other nodes metadata and what <c>kubectl get</c> shows is asked for: far
    /// less, and enough where it is our agents that enrol, because they write the service account into an annotation.
    /// </summary>
    public bool FullPods { get; init; }

    /// <summary>The namespaces whose Secrets a gateway reads; null for all.</summary>
    public IReadOnlyList<string>? SecretNamespaces { get; init; }

    /// <summary>How collections are watched.</summary>
    public ResourceWatchOptions Watching { get; init; } = new();
}

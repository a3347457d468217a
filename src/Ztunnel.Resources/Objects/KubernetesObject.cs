namespace Ztunnel.Resources;

/// <summary>A Kubernetes object, as much of it as is used. Immutable, compared by content.</summary>
public abstract record KubernetesObject
{
    private protected KubernetesObject()
    {
    }

    /// <summary>Its kind.</summary>
    public abstract ObjectKind Kind { get; }

    /// <summary>Its <c>metadata</c>.</summary>
    public required ObjectMetadata Metadata { get; init; }

    /// <summary>What names it.</summary>
    public ObjectKey Key => new(Kind, Metadata.Namespace, Metadata.Name);

    /// <summary>
    /// Whether this stands in for an object with mistakes of which there is no earlier version: it says as little as can be
    /// without letting in what the object would have kept out.
    /// </summary>
    public bool StandsIn { get; init; }

    /// <summary>
    /// What stands in for this object, which was read with mistakes, where there is no earlier version; null for kinds that do
    /// no harm by being absent.
    /// </summary>
    internal virtual KubernetesObject? StandIn() => null;
}

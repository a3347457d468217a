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
}

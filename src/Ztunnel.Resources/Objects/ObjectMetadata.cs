using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The <c>metadata</c> of an object.</summary>
public sealed record ObjectMetadata
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The namespace, <c>default</c> where a namespaced object names none; empty for kinds without namespaces.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>What tells this object from an earlier or later one of the same name; null in manifests written by hand.</summary>
    public string? Uid { get; init; }

    /// <summary>The labels.</summary>
    public StringMap Labels { get; init; } = StringMap.Empty;

    /// <summary>The annotations, without what kubectl keeps there for itself.</summary>
    public StringMap Annotations { get; init; } = StringMap.Empty;

    /// <summary>Which version of its <c>spec</c> it is; 0 in manifests written by hand.</summary>
    public long Generation { get; init; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Whether its deletion has begun.</summary>
    public bool Deleting { get; init; }

    /// <summary>The object that manages this one, such as a pod's ReplicaSet.</summary>
    public ControllerReference? Controller { get; init; }
}

/// <summary>The owner reference marked <c>controller: true</c>.</summary>
public sealed record ControllerReference(string Kind, string Name);

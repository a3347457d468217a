using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>ReferenceGrant</c>, version v1 or v1beta1: who may refer to objects of its namespace from others.</summary>
public sealed record ReferenceGrantObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.ReferenceGrant;

    /// <summary><c>spec.from</c>: any of these may.</summary>
    public ValueArray<GrantedFrom> From { get; init; } = [];

    /// <summary><c>spec.to</c>: to any of these.</summary>
    public ValueArray<GrantedTo> To { get; init; } = [];
}

/// <summary>Objects of a kind in a namespace.</summary>
public sealed record GrantedFrom(string Group, string Kind, string Namespace);

/// <summary>Objects of a kind, or the one of a name.</summary>
public sealed record GrantedTo(string Group, string Kind, string? Name);

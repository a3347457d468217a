namespace Ztunnel.Resources;

/// <summary>A <c>Namespace</c>; only its metadata is used.</summary>
public sealed record NamespaceObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Namespace;
}

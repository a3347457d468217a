using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>An object that something is said of (core/v1 ObjectReference).</summary>
/// <param name="ApiVersion">Its <c>apiVersion</c>.</param>
/// <param name="Kind">Its <c>kind</c>.</param>
/// <param name="Namespace">Its namespace, empty for kinds without.</param>
/// <param name="Name">Its name.</param>
/// <param name="Uid">Its <c>metadata.uid</c>, where it is known; <c>kubectl describe</c> looks for it.</param>
public sealed record ObjectReference(string ApiVersion, string Kind, string Namespace, string Name, string? Uid = null)
{
    /// <summary>To an object that was read.</summary>
    public static ObjectReference To(KubernetesObject @object)
    {
        ArgumentNullException.ThrowIfNull(@object);
        ObjectMetadata metadata = @object.Metadata;
        return new ObjectReference(@object.Kind.ApiVersion, @object.Kind.Name, metadata.Namespace, metadata.Name, metadata.Uid);
    }

    /// <inheritdoc/>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind} {Name}" : $"{Kind} {Namespace}/{Name}";
}

namespace Ztunnel.Mesh;

/// <summary>What names a service: a Kubernetes Service's namespace and name, or a ServiceEntry's namespace and one of its hosts.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Name">The Service's name, or the host.</param>
/// <param name="IsHost">Whether it is a host, which may look like the name of a Service.</param>
public sealed record ServiceName(string Namespace, string Name, bool IsHost = false)
{
    /// <summary>By namespace, then by name, ordinal; a Service before a host of the same name.</summary>
    public static IComparer<ServiceName> Order { get; } = Comparer<ServiceName>.Create((a, b) =>
    {
        int byNamespace = string.CompareOrdinal(a.Namespace, b.Namespace);
        int byName = byNamespace != 0 ? byNamespace : string.CompareOrdinal(a.Name, b.Name);
        return byName != 0 ? byName : a.IsHost.CompareTo(b.IsHost);
    });

    /// <summary>The form messages use: <c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

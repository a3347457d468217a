namespace Ztunnel.Resources;

/// <summary>What names one Kubernetes object among all. <paramref name="Namespace"/> is empty for kinds without namespaces.</summary>
public sealed record ObjectKey(ObjectKind Kind, string Namespace, string Name)
{
    /// <summary>By kind, then namespace, then name, ordinal.</summary>
    public static IComparer<ObjectKey> Order { get; } = Comparer<ObjectKey>.Create((a, b) =>
    {
        int byKind = string.CompareOrdinal(a.Kind.Name, b.Kind.Name);
        int byNamespace = byKind != 0 ? byKind : string.CompareOrdinal(a.Namespace, b.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(a.Name, b.Name);
    });

    /// <summary>The form messages use: <c>Service default/httpbin</c>, <c>Node node-a</c>.</summary>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind} {Name}" : $"{Kind} {Namespace}/{Name}";
}

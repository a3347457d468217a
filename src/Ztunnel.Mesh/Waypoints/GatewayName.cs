namespace Ztunnel.Mesh;

/// <summary>A Gateway's namespace and name, which together are its key.</summary>
public sealed record GatewayName(string Namespace, string Name)
{
    /// <summary>By namespace, then by name, ordinal.</summary>
    public static IComparer<GatewayName> Order { get; } = Comparer<GatewayName>.Create((a, b) =>
    {
        int byNamespace = string.CompareOrdinal(a.Namespace, b.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(a.Name, b.Name);
    });

    /// <summary>The form messages use: <c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

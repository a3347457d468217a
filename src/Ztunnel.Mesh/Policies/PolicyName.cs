namespace Ztunnel.Mesh;

/// <summary>A policy's namespace and name, which among policies of its kind are its key.</summary>
public sealed record PolicyName(string Namespace, string Name)
{
    /// <summary>By namespace, then by name, ordinal.</summary>
    public static IComparer<PolicyName> Order { get; } = Comparer<PolicyName>.Create((a, b) =>
    {
        int byNamespace = string.CompareOrdinal(a.Namespace, b.Namespace);
        return byNamespace != 0 ? byNamespace : string.CompareOrdinal(a.Name, b.Name);
    });

    /// <summary>The form messages use: <c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

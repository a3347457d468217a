namespace Ztunnel.Testing.Api;

/// <summary>What a path of the API names: a kind in one version, and as much of namespace, name and subresource as it says.</summary>
internal sealed record Target(ResourceKind Kind, string Version, string Namespace, string Name, string Subresource)
{
    /// <summary>Whether it is all objects, of a namespace or of the cluster.</summary>
    public bool IsCollection => Name.Length == 0;

    /// <summary>Reads a path; null when the server has nothing there.</summary>
    public static Target? Parse(string path, KindTable kinds)
    {
        string[] parts = path.Trim('/').Split('/');
        (string group, string version, string[] rest) = parts switch
        {
            ["api", var core, .. var more] => ("", core, more),
            ["apis", var named, var of, .. var more] => (named, of, more),
            _ => ("", "", []),
        };
        return rest switch
        {
            // The namespace itself, or something in it: known by whether a kind of that name is in namespaces.
            ["namespaces", var ns, var plural, .. var name] when Namespaced(kinds, group, version, plural) is { } kind => Of(kind, version, ns, name),
            [var plural, .. var name] when kinds.Find(group, version, plural) is { } kind && (!kind.Namespaced || name.Length == 0) =>
                Of(kind, version, "", name),
            _ => null,
        };
    }

    private static ResourceKind? Namespaced(KindTable kinds, string group, string version, string plural) =>
        kinds.Find(group, version, plural) is { Namespaced: true } kind ? kind : null;

    private static Target? Of(ResourceKind kind, string version, string ns, string[] rest) => rest switch
    {
        [] => new Target(kind, version, ns, "", ""),
        [var name] => new Target(kind, version, ns, Uri.UnescapeDataString(name), ""),
        [var name, var subresource] => new Target(kind, version, ns, Uri.UnescapeDataString(name), subresource),
        _ => null,
    };
}

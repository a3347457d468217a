namespace Ztunnel.Resources;

/// <summary>An object of a kind that is not used, as it names itself. What it says of itself is not checked.</summary>
internal sealed record UnknownObject(string ApiVersion, string Kind, string Namespace, string Name)
{
    /// <summary>The form in which its kind is counted: <c>gateway.networking.k8s.io/v1 Gateway</c>.</summary>
    public string KindName => $"{YamlScalar.Show(ApiVersion)} {YamlScalar.Show(Kind)}";

    /// <summary>Reads the names of an object whose fields are not otherwise looked at.</summary>
    public static UnknownObject Read(Field root, string apiVersion, string kind)
    {
        Field metadata = root["metadata"];
        return new UnknownObject(apiVersion, kind, metadata["namespace"].Text() ?? "default", metadata["name"].Text() ?? "");
    }

    /// <summary>Whether this may be <paramref name="object"/> with its kind misspelt.</summary>
    public bool MayBe(ObjectKey @object) =>
        string.Equals(Name, @object.Name, StringComparison.Ordinal)
        && (!@object.Kind.Namespaced || string.Equals(Namespace, @object.Namespace, StringComparison.Ordinal))
        && MisspeltKind.MayBe(ApiVersion, Kind, @object.Kind);
}

namespace Ztunnel.Resources;

/// <summary>
/// Tells a kind of ours that is misspelt from one that is none of ours. What is not read is as good as absent, and for a pod
/// that means out of the mesh, so a slip in these two fields must not pass for an object of somebody else's.
/// </summary>
internal static class MisspeltKind
{
    // Kinds of Gateway API that are not read and have names like those that are.
    private static readonly HashSet<string> Others = new(StringComparer.Ordinal) { "UDPRoute" };

    /// <summary>
    /// The kind meant by a pair that is not read as it stands, or null where it is none of ours. It is ours in another spelling
    /// or number, and in a version of its group that is not read, in a group with almost the name of its own, or in a group of
    /// Kubernetes' own (those have no dot), where no other kind has such a name; or it is spelt almost as one of the kinds of its
    /// very group.
    /// </summary>
    public static ObjectKind? Find(string apiVersion, string kind)
    {
        string group = Group(apiVersion);
        return ObjectReader.Kinds.FirstOrDefault(known => IsSpelling(known.Key.Name, kind) && IsNear(known, group))?.Key
            ?? ObjectReader.Kinds.FirstOrDefault(known => IsAlmost(known.Key.Name, kind) && IsOf(known, group))?.Key;
    }

    /// <summary>Whether what says it is of this kind may be a <paramref name="known"/> object, one of the two fields being wrong.</summary>
    public static bool MayBe(string apiVersion, string kind, ObjectKind known) =>
        string.Equals(kind, known.Name, StringComparison.Ordinal) || Versions(known).Contains(apiVersion, StringComparer.Ordinal);

    /// <summary>Tells what is wrong with either field of an object that is meant to be of <paramref name="meant"/>.</summary>
    public static void Tell(ObjectKind meant, Field root, string apiVersion, string kind)
    {
        if (!string.Equals(kind, meant.Name, StringComparison.Ordinal))
            root["kind"].Problem($"expected {meant.Name}, got \"{YamlScalar.Show(kind)}\"");
        if (!Versions(meant).Contains(apiVersion, StringComparer.Ordinal))
            root["apiVersion"].Problem($"expected {string.Join(" or ", Versions(meant))}, got \"{YamlScalar.Show(apiVersion)}\"");
    }

    private static IEnumerable<string> Versions(ObjectKind kind) => ObjectReader.Kinds.First(known => known.Key == kind);

    private static bool IsSpelling(string name, string given) => string.Equals(Stem(name), Stem(given), StringComparison.OrdinalIgnoreCase);

    private static bool IsAlmost(string name, string given) => !Others.Contains(given) && Spelling.IsNear(given.Trim(), name);

    /// <summary>The singular of what people write as a plural, as kubectl has them do.</summary>
    private static string Stem(string kind)
    {
        kind = kind.Trim();
        return kind.EndsWith("ies", StringComparison.OrdinalIgnoreCase) ? kind[..^3] + "y" : kind.TrimEnd('s', 'S');
    }

    private static bool IsNear(IEnumerable<string> versions, string group) =>
        !group.Contains('.', StringComparison.Ordinal) || versions.Any(version => Spelling.IsNear(group, Group(version)));

    private static bool IsOf(IEnumerable<string> versions, string group) => versions.Any(version => string.Equals(Group(version), group, StringComparison.Ordinal));

    private static string Group(string apiVersion) => apiVersion.LastIndexOf('/') is >= 0 and var at ? apiVersion[..at] : "";
}

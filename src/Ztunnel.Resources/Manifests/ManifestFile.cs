namespace Ztunnel.Resources;

/// <summary>What a file of manifests says: the objects in it, where each stands, and what is wrong.</summary>
internal sealed record ManifestFile
{
    /// <summary>The objects by key, with the line each begins at; among them what stands in for broken ones.</summary>
    public required IReadOnlyDictionary<ObjectKey, (KubernetesObject Object, int Line)> Objects { get; init; }

    public required IReadOnlyList<ResourceProblem> Problems { get; init; }

    /// <summary>How many objects there are of each kind that is not used, as <c>gateway.networking.k8s.io/v1 Gateway</c>.</summary>
    public required IReadOnlyDictionary<string, int> UnknownKinds { get; init; }

    /// <summary>Objects that are named in the file but could not be read.</summary>
    public required IReadOnlySet<ObjectKey> Broken { get; init; }

    /// <summary>Whether something in the file could not be read so far as to tell which object it is.</summary>
    public required bool HasUnnamed { get; init; }

    /// <summary>Those of the objects that are from before a mistake was made.</summary>
    public IReadOnlySet<ObjectKey> Kept { get; private init; } = new HashSet<ObjectKey>();

    /// <summary>
    /// This file with what it held before its mistakes: each object that cannot be read now stays as it was, and when it cannot
    /// be told which objects those are, all that are missing stay.
    /// </summary>
    public ManifestFile Keeping(ManifestFile? before)
    {
        if (before is null || (Broken.Count == 0 && !HasUnnamed))
            return this;
        var objects = new Dictionary<ObjectKey, (KubernetesObject Object, int Line)>(Objects);
        var kept = new HashSet<ObjectKey>();
        foreach ((ObjectKey key, (KubernetesObject Object, int Line) held) in before.Objects)
        {
            bool missing = !objects.TryGetValue(key, out (KubernetesObject Object, int Line) now) || (now.Object.StandsIn && !held.Object.StandsIn);
            if (!missing || (!HasUnnamed && !Broken.Contains(key)))
                continue;
            objects[key] = held;
            kept.Add(key);
        }

        return this with { Objects = objects, Kept = kept };
    }

    /// <summary>What stands for a file that could not be read at all.</summary>
    public static ManifestFile Unreadable(ResourceProblem problem) => new()
    {
        Objects = new Dictionary<ObjectKey, (KubernetesObject Object, int Line)>(),
        Problems = [problem],
        UnknownKinds = new Dictionary<string, int>(StringComparer.Ordinal),
        Broken = new HashSet<ObjectKey>(),
        HasUnnamed = true,
    };
}

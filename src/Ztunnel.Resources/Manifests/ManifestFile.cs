namespace Ztunnel.Resources;

/// <summary>What a file of manifests says: the objects in it, where each stands, and what is wrong.</summary>
internal sealed record ManifestFile
{
    private HashSet<UnknownObject>? _strangers;

    /// <summary>The objects by key, with the line each begins at; among them what stands in for broken ones.</summary>
    public required IReadOnlyDictionary<ObjectKey, (KubernetesObject Object, int Line)> Objects { get; init; }

    public required IReadOnlyList<ResourceProblem> Problems { get; init; }

    /// <summary>The objects of kinds that are not used, each with where its kind stands.</summary>
    public required IReadOnlyList<(UnknownObject Object, ResourceProblem Place)> Unknown { get; init; }

    /// <summary>Objects that are named in the file but could not be read.</summary>
    public required IReadOnlySet<ObjectKey> Broken { get; init; }

    /// <summary>Whether something in the file could not be read so far as to tell which object it is.</summary>
    public required bool HasUnnamed { get; init; }

    /// <summary>Those of the objects that are from before a mistake was made.</summary>
    public IReadOnlySet<ObjectKey> Kept { get; private init; } = new HashSet<ObjectKey>();

    /// <summary>How many objects there are of each kind that is not used, as <c>gateway.networking.k8s.io/v1 Gateway</c>.</summary>
    public IReadOnlyDictionary<string, int> UnknownKinds => Unknown
        .GroupBy(unknown => unknown.Object.KindName, StringComparer.Ordinal)
        .ToDictionary(kind => kind.Key, kind => kind.Count(), StringComparer.Ordinal);

    /// <summary>The unknown objects that were taken for what they say, and not for one of ours misspelt.</summary>
    private HashSet<UnknownObject> Strangers
    {
        get => _strangers ??= Unknown.Select(unknown => unknown.Object).ToHashSet();
        init => _strangers = value;
    }

    /// <summary>
    /// This file with what it held before its mistakes: each object that cannot be read now stays as it was, and when it cannot
    /// be told which objects those are, all that are missing stay. An object that is missing while one of its name and of no
    /// known kind is new has most likely had its kind misspelt, and stays too.
    /// </summary>
    public ManifestFile Keeping(ManifestFile? before)
    {
        if (before is null)
            return this;
        Dictionary<ObjectKey, (UnknownObject Object, ResourceProblem Place)> misspelt = FindMisspelt(before);
        var strangers = Unknown.Select(unknown => unknown.Object).Except(misspelt.Values.Select(unknown => unknown.Object)).ToHashSet();
        if (HasUnnamed)
            strangers.UnionWith(before.Strangers);
        var objects = new Dictionary<ObjectKey, (KubernetesObject Object, int Line)>(Objects);
        var kept = new HashSet<ObjectKey>();
        foreach ((ObjectKey key, (KubernetesObject Object, int Line) held) in before.Objects)
        {
            bool missing = !objects.TryGetValue(key, out (KubernetesObject Object, int Line) now) || (now.Object.StandsIn && !held.Object.StandsIn);
            if (!missing || !(HasUnnamed || Broken.Contains(key) || misspelt.ContainsKey(key)))
                continue;
            objects[key] = held;
            kept.Add(key);
        }

        return this with
        {
            Objects = objects,
            Kept = kept,
            Strangers = strangers,
            Problems = [.. Problems, .. misspelt.Select(entry => ManifestProblems.Misspelt(entry.Value.Place, entry.Key))],
        };
    }

    /// <summary>What stands for a file that could not be read at all.</summary>
    public static ManifestFile Unreadable(ResourceProblem problem) => new()
    {
        Objects = new Dictionary<ObjectKey, (KubernetesObject Object, int Line)>(),
        Problems = [problem],
        Unknown = [],
        Broken = new HashSet<ObjectKey>(),
        HasUnnamed = true,
    };

    private Dictionary<ObjectKey, (UnknownObject Object, ResourceProblem Place)> FindMisspelt(ManifestFile before)
    {
        var found = new Dictionary<ObjectKey, (UnknownObject Object, ResourceProblem Place)>();
        ILookup<string, (UnknownObject Object, ResourceProblem Place)> suspects = Unknown
            .Where(unknown => !before.Strangers.Contains(unknown.Object))
            .ToLookup(unknown => unknown.Object.Name, StringComparer.Ordinal);
        if (suspects.Count == 0)
            return found;
        foreach (ObjectKey missing in before.Objects.Keys.Where(key => !Objects.ContainsKey(key) && !Broken.Contains(key)))
        {
            foreach ((UnknownObject Object, ResourceProblem Place) suspect in suspects[missing.Name].Where(suspect => suspect.Object.MayBe(missing)).Take(1))
                found.Add(missing, suspect);
        }

        return found;
    }
}

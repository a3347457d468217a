using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What writing does to the owners of fields: server-side apply, and every other write.</summary>
internal static class FieldOwnership
{
    private static readonly string[] OfTheServer =
    [
        "f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid", "f:generation", "f:managedFields", "f:resourceVersion",
        "f:generateName", "f:deletionTimestamp", "f:deletionGracePeriodSeconds",
    ];

    /// <summary>
    /// Applies <paramref name="config"/>: its fields become the manager's; what the manager applied before and no longer does goes unless
    /// another owns it. Throws the 409 of a conflict when another owns a field that is to get another value, unless forced.
    /// </summary>
    public static JsonObject Apply(
        ResourceKind kind, JsonObject? live, JsonObject config, FieldManagers.Manager manager, bool force, string now)
    {
        JsonObject before = live ?? Skeleton(config);
        FieldManagers managers = FieldManagers.Of(before);
        // An object nobody was noted down for belongs to whoever wrote it before.
        if (live is not null && !managers.All.Any())
            managers.Set(manager with { Name = "before-first-apply", Operation = "Update", Subresource = "" }, Owned(kind, before, ""), now);
        FieldSet applied = Owned(kind, config, manager.Subresource);
        JsonObject after = Merging.Merge(before.DeepClone(), Only(config, applied, kind.Shape), kind.Shape)!.AsObject();
        FieldSet written = FieldComparison.Of(before, after, kind.Shape).Written;
        RefuseConflicts(managers, manager, written, force);
        managers.TakeFromOthers(manager, written, now);
        FieldSet dropped = managers.FieldsOf(manager).Except(applied);
        Merging.Prune(after, dropped, managers.FieldsOfOthers(manager).Union(applied), kind.Shape);
        managers.Set(manager, applied, now);
        managers.WriteTo(after);
        return after;
    }

    /// <summary>Notes down who wrote what, for a write of any other kind.</summary>
    public static void Track(ResourceKind kind, JsonObject? before, JsonObject after, FieldManagers.Manager manager, string now)
    {
        FieldManagers managers = FieldManagers.Of(before ?? after);
        if (before is null)
            managers = FieldManagers.Of([]);
        FieldComparison comparison = FieldComparison.Of(before ?? Skeleton(after), after, kind.Shape);
        FieldSet written = WithoutServers(comparison.Written), removed = comparison.Removed;
        managers.TakeFromOthers(manager, written.Union(removed), now);
        managers.Set(manager, managers.FieldsOf(manager).Union(written).Except(removed), now);
        managers.WriteTo(after);
    }

    /// <summary>The fields of an object that a writer by this path can own.</summary>
    private static FieldSet Owned(ResourceKind kind, JsonObject value, string subresource)
    {
        FieldSet set = WithoutServers(FieldSet.Of(value, kind.Shape));
        if (!kind.HasStatus)
            return set;
        return subresource == "status" ? set.Where(step => step == "f:status") : set.Where(step => step != "f:status");
    }

    private static FieldSet WithoutServers(FieldSet set) => set
        .Where(step => step is not ("f:apiVersion" or "f:kind"))
        .Where("f:metadata", step => !OfTheServer.Contains(step));

    private static void RefuseConflicts(FieldManagers managers, FieldManagers.Manager manager, FieldSet written, bool force)
    {
        if (force)
            return;
        Cause[] causes =
        [
            .. from owner in managers.All
               where !owner.Manager.Is(manager)
               from path in owner.Fields.Intersect(written).Paths()
               select new Cause("FieldManagerConflict", $"conflict with {owner.Manager}", path),
        ];
        if (causes.Length == 0)
            return;
        string list = causes.Length == 1
            ? $"{causes[0].Message}: {causes[0].Field}"
            : string.Join('\n', causes.GroupBy(cause => cause.Message, StringComparer.Ordinal).Select(group =>
                $"{group.Key.Replace("conflict with", "conflicts with", StringComparison.Ordinal)}:\n- {string.Join("\n- ", group.Select(cause => cause.Field))}"));
        throw new ApiFailure(
            409,
            "Conflict",
            $"Apply failed with {causes.Length} conflict{(causes.Length == 1 ? "" : "s")}: {list}",
            ApiFailure.WithCauses(causes));
    }

    private static JsonObject Skeleton(JsonObject value) => new()
    {
        ["apiVersion"] = value["apiVersion"]?.DeepClone(),
        ["kind"] = value["kind"]?.DeepClone(),
        ["metadata"] = new JsonObject { ["name"] = value["metadata"]?["name"]?.DeepClone(), ["namespace"] = value["metadata"]?["namespace"]?.DeepClone() },
    };

    // What cannot be owned by this path is not written by it either: of an object applied by its status only the status counts.
    private static JsonObject Only(JsonObject config, FieldSet applied, Shape shape)
    {
        JsonObject kept = config.DeepClone().AsObject();
        foreach (string name in kept.Select(field => field.Key).ToArray())
        {
            if (applied[$"f:{name}"] is null || !shape.IsDivisible(config))
                kept.Remove(name);
        }

        return kept;
    }
}

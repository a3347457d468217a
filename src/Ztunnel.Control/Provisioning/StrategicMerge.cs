using System.Text.Json.Nodes;

namespace Ztunnel.Control;

/// <summary>
/// Strategic merge patches of the kinds that are made for Gateways (Kubernetes, "Update API Objects in Place Using kubectl
/// patch"): objects are merged, lists of things that have names by those, other lists are replaced; null takes a field away.
/// </summary>
internal static class StrategicMerge
{
    private const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string Order = "$setElementOrder/";
    private const string DeleteFrom = "$deleteFromPrimitiveList/";

    // The patchMergeKey of the fields' Go types. That of ports depends on whose they are.
    private static readonly Dictionary<string, string> KeyOf = new(StringComparer.Ordinal)
    {
        ["conditions"] = "type",
        ["containers"] = "name",
        ["env"] = "name",
        ["ephemeralContainers"] = "name",
        ["hostAliases"] = "ip",
        ["imagePullSecrets"] = "name",
        ["initContainers"] = "name",
        ["ownerReferences"] = "uid",
        ["resourceClaims"] = "name",
        ["schedulingGates"] = "name",
        ["secrets"] = "name",
        ["topologySpreadConstraints"] = "topologyKey",
        ["volumeDevices"] = "devicePath",
        ["volumeMounts"] = "mountPath",
        ["volumes"] = "name",
    };

    /// <summary>
    /// What <paramref name="patch"/> makes of <paramref name="original"/>; neither is changed. Throws <see cref="FormatException"/>
    /// naming the field when a directive or an item of a list cannot be made sense of.
    /// </summary>
    public static JsonObject Apply(JsonObject original, JsonObject patch) =>
        Merge(original, patch, "", inContainer: false) ?? throw new FormatException($"{Directive} delete takes away the whole object");

    /// <summary>The merged object; null when the patch takes it away.</summary>
    private static JsonObject? Merge(JsonObject? original, JsonObject patch, string path, bool inContainer)
    {
        switch (DirectiveOf(patch, path))
        {
            case "delete":
                return null;
            case "replace":
                original = null;
                break;
        }

        JsonObject merged = original?.DeepClone().AsObject() ?? [];
        foreach ((string name, JsonNode? value) in patch)
        {
            if (!name.StartsWith('$'))
                Set(merged, name, MergeField(merged[name], value, name, Join(path, name), inContainer));
        }

        foreach ((string name, JsonNode? value) in patch.Where(field => field.Key.StartsWith('$')))
            Direct(merged, name, value, path, inContainer);
        return merged;
    }

    private static JsonNode? MergeField(JsonNode? original, JsonNode? value, string name, string path, bool inContainer) => value switch
    {
        null => null,
        JsonObject mapping => Merge(original as JsonObject, mapping, path, inContainer),
        JsonArray list when KeyFor(name, inContainer) is { } key => MergeList(original as JsonArray ?? [], list, key, path, name is "containers" or "initContainers"),
        JsonArray list when name is "finalizers" => Union(original as JsonArray ?? [], list),
        _ => value.DeepClone(),
    };

    private static JsonArray MergeList(JsonArray original, JsonArray patch, string key, string path, bool containers)
    {
        bool replace = patch.Any(item => item is JsonObject { Count: 1 } only && DirectiveOf(only, path) == "replace");
        List<JsonObject> items = replace ? [] : [.. original.OfType<JsonObject>().Select(item => item.DeepClone().AsObject())];
        for (int index = 0; index < patch.Count; index++)
        {
            string at = $"{path}[{index}]";
            if (patch[index] is not JsonObject item)
                throw new FormatException($"{at}: expected a mapping");
            if (item.Count == 1 && DirectiveOf(item, at) == "replace")
                continue;
            if (item[key] is not { } identity)
                throw new FormatException($"{at}.{key}: is required, as it says which item of {path} is meant");
            int found = items.FindIndex(candidate => JsonNode.DeepEquals(candidate[key], identity));
            JsonObject? merged = Merge(found < 0 ? null : items[found], item, at, containers);
            if (found >= 0)
                items.RemoveAt(found);
            if (merged is not null)
                items.Insert(found < 0 ? items.Count : found, merged);
        }

        return [.. items];
    }

    private static JsonArray Union(JsonArray original, JsonArray added)
    {
        JsonArray union = original.DeepClone().AsArray();
        foreach (JsonNode? item in added.Where(item => !union.Any(present => JsonNode.DeepEquals(present, item))))
            union.Add(item?.DeepClone());
        return union;
    }

    /// <summary>Carries out what a patch says beside the fields themselves.</summary>
    private static void Direct(JsonObject merged, string name, JsonNode? value, string path, bool inContainer)
    {
        if (name == Directive)
            return;
        if (value is not JsonArray list)
            throw new FormatException($"{Join(path, name)}: expected a list");
        if (name == RetainKeys)
        {
            foreach (string lost in merged.Select(field => field.Key).Where(field => !list.Any(kept => IsText(kept, field))).ToArray())
                merged.Remove(lost);
        }
        else if (name.StartsWith(DeleteFrom, StringComparison.Ordinal))
        {
            if (merged[name[DeleteFrom.Length..]] is JsonArray from)
                from.RemoveAll(item => list.Any(lost => JsonNode.DeepEquals(lost, item)));
        }
        else if (name.StartsWith(Order, StringComparison.Ordinal))
        {
            Sort(merged, name[Order.Length..], list, inContainer);
        }
        else
        {
            throw new FormatException($"{Join(path, name)}: is no directive of strategic merge patches");
        }
    }

    /// <summary>Puts the items a patch orders into that order, behind those it does not name.</summary>
    private static void Sort(JsonObject merged, string field, JsonArray order, bool inContainer)
    {
        if (merged[field] is not JsonArray list || KeyFor(field, inContainer) is not { } key)
            return;
        int place(JsonNode? item) => order.ToList().FindIndex(named => JsonNode.DeepEquals(named?[key], item?[key]));
        merged[field] = new JsonArray([.. list.OrderBy(place).Select(item => item?.DeepClone())]);
    }

    private static string? KeyFor(string name, bool inContainer) =>
        name == "ports" ? inContainer ? "containerPort" : "port" : KeyOf.GetValueOrDefault(name);

    private static string? DirectiveOf(JsonObject patch, string path)
    {
        if (!patch.ContainsKey(Directive))
            return null;
        return patch[Directive] is JsonValue text && text.TryGetValue(out string? directive) && directive is ("delete" or "replace" or "merge")
            ? directive
            : throw new FormatException($"{Join(path, Directive)}: expected delete, replace or merge");
    }

    private static void Set(JsonObject target, string name, JsonNode? value)
    {
        if (value is null)
            target.Remove(name);
        else
            target[name] = value;
    }

    private static bool IsText(JsonNode? node, string text) =>
        node is JsonValue value && value.TryGetValue(out string? found) && string.Equals(found, text, StringComparison.Ordinal);

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}

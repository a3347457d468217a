using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// Strategic merge patches of built-in kinds. Kept: objects merge, null removes; lists that are maps (containers and ports, env,
/// volumes and their mounts, conditions, owner references, ...) merge by their first key, sets (finalizers) unite, other lists are replaced;
/// the directives <c>$patch: replace|delete|merge</c>, <c>$retainKeys</c>, <c>$deleteFromPrimitiveList</c> and <c>$setElementOrder</c>.
/// </summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch", RetainKeys = "$retainKeys", DeleteFrom = "$deleteFromPrimitiveList/", Order = "$setElementOrder/";

    /// <summary>What <paramref name="value"/> is with the patch.</summary>
    public static JsonObject Apply(JsonObject value, JsonObject patch, Shape shape)
    {
        switch ((string?)patch[Directive])
        {
            case "replace":
                JsonObject whole = patch.DeepClone().AsObject();
                whole.Remove(Directive);
                return whole;
            case "delete":
                return [];
        }

        if (patch[RetainKeys] is JsonArray retained)
        {
            foreach (string name in value.Select(field => field.Key).Where(name => retained.All(kept => (string?)kept != name)).ToArray())
                value.Remove(name);
        }

        foreach ((string name, JsonNode? change) in patch)
        {
            if (name[0] != '$')
                Apply(value, name, change, shape.Field(name));
            else if (name.StartsWith(DeleteFrom, StringComparison.Ordinal))
                RemoveValues(value, name[DeleteFrom.Length..], change);
        }

        foreach ((string name, JsonNode? order) in patch)
        {
            if (name.StartsWith(Order, StringComparison.Ordinal) && value[name[Order.Length..]] is JsonArray list && order is JsonArray wanted)
                value[name[Order.Length..]] = Sorted(list, wanted, shape.Field(name[Order.Length..]));
        }

        return value;
    }

    private static void Apply(JsonObject value, string name, JsonNode? change, Shape shape)
    {
        value.Remove(name, out JsonNode? old);
        JsonNode? result = change switch
        {
            null => null,
            JsonObject inner => (string?)inner[Directive] == "delete" ? null : Apply(old as JsonObject ?? [], inner, shape),
            JsonArray list when shape.Keys.Length > 0 => MergeByKey(old as JsonArray ?? [], list, shape),
            JsonArray list when shape.IsSet => Unite(old as JsonArray ?? [], list),
            _ => change.DeepClone(),
        };
        if (result is not null)
            value[name] = result;
    }

    private static JsonArray MergeByKey(JsonArray live, JsonArray patch, Shape shape)
    {
        if (patch.Any(entry => (string?)entry?[Directive] == "replace"))
            return [.. patch.Where(entry => entry?[Directive] is null).Select(entry => entry?.DeepClone())];
        foreach (JsonNode? change in patch)
        {
            if (change is not JsonObject entry)
                throw ApiFailure.BadRequest("the entries of a list that is merged by key must be objects");
            JsonNode key = Shape.KeyOf(entry, shape.Keys[0])
                ?? throw ApiFailure.BadRequest($"map: {entry.ToJsonString()} does not contain declared merge key: {shape.Keys[0]}");
            JsonNode? old = live.FirstOrDefault(known => JsonNode.DeepEquals(Shape.KeyOf(known, shape.Keys[0]), key));
            int at = old is null ? live.Count : live.IndexOf(old);
            if (old is not null)
                live.RemoveAt(at);
            if ((string?)entry[Directive] != "delete")
                live.Insert(at, Apply(old as JsonObject ?? [], entry, shape.Entry));
        }

        return live;
    }

    private static JsonArray Unite(JsonArray live, JsonArray patch)
    {
        foreach (JsonNode? value in patch.Where(value => !live.Any(known => JsonNode.DeepEquals(known, value))).ToArray())
            live.Add(value?.DeepClone());
        return live;
    }

    private static void RemoveValues(JsonObject value, string name, JsonNode? values)
    {
        if (value[name] is not JsonArray list || values is not JsonArray gone)
            return;
        foreach (JsonNode? entry in list.Where(entry => gone.Any(other => JsonNode.DeepEquals(other, entry))).ToArray())
            list.Remove(entry);
    }

    // Entries the order says nothing about follow the entry they followed before.
    private static JsonArray Sorted(JsonArray list, JsonArray wanted, Shape shape)
    {
        JsonNode?[] entries = [.. list];
        int Place(JsonNode? entry) => wanted.ToList().FindIndex(other => shape.Keys.Length == 0
            ? JsonNode.DeepEquals(other, entry)
            : JsonNode.DeepEquals(Shape.KeyOf(other, shape.Keys[0]), Shape.KeyOf(entry, shape.Keys[0])));
        List<(int Place, JsonNode? Entry)> placed = [];
        int last = -1;
        foreach (JsonNode? entry in entries)
        {
            int place = Place(entry);
            last = place < 0 ? last : place;
            placed.Add((last, entry));
        }

        list.Clear();
        return [.. placed.OrderBy(item => item.Place).Select(item => item.Entry)];
    }
}

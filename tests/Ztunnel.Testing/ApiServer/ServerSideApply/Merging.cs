using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Puts applied fields into an object, and takes fields out that nobody wants any more.</summary>
internal static class Merging
{
    /// <summary>What <paramref name="live"/> is with the fields of <paramref name="config"/>. May change and return its first argument.</summary>
    public static JsonNode? Merge(JsonNode? live, JsonNode? config, Shape shape)
    {
        if (live is JsonObject map && config is JsonObject fields && !shape.Atomic)
        {
            foreach ((string name, JsonNode? value) in fields)
            {
                map.Remove(name, out JsonNode? old);
                map[name] = Merge(old, value, shape.Field(name));
            }

            return map;
        }

        return live is JsonArray list && config is JsonArray entries && (shape.IsSet || shape.Keys.Length > 0)
            ? MergeList(list, entries, shape)
            : config?.DeepClone();
    }

    /// <summary>
    /// Removes what is in <paramref name="dropped"/>, except what is in <paramref name="wanted"/>, and what is empty then.
    /// </summary>
    public static void Prune(JsonNode value, FieldSet dropped, FieldSet wanted, Shape shape)
    {
        foreach ((string step, JsonNode? part, Shape of) in FieldSet.Parts(value, shape).ToArray())
        {
            // What tells an entry of a list apart stays as long as the entry does.
            if (dropped[step] is not { } gone || (value is JsonObject && step[0] == 'f' && shape.Keys.Contains(step[2..])))
                continue;
            FieldSet? kept = wanted[step];
            if (gone.Member && kept is null)
            {
                Remove(value, step, part);
                continue;
            }

            if (!of.IsDivisible(part))
                continue;
            Prune(part!, gone, kept ?? new FieldSet(), of);
            if (kept is null && part is (JsonObject { Count: 0 } or JsonArray { Count: 0 }))
                Remove(value, step, part);
        }
    }

    private static void Remove(JsonNode value, string step, JsonNode? part)
    {
        if (value is JsonObject map)
            map.Remove(step[2..]);
        else
            value.AsArray().Remove(part);
    }

    // Entries that are there keep their places; new ones come after the entry the config has them after, or at the end.
    private static JsonArray MergeList(JsonArray live, JsonArray config, Shape shape)
    {
        List<(string Step, JsonNode? Entry)> merged = [.. FieldSet.Parts(live, shape).Select(part => (part.Step, part.Part?.DeepClone()))];
        int last = -1;
        foreach ((string step, JsonNode? entry, Shape of) in FieldSet.Parts(config, shape))
        {
            int at = merged.FindIndex(known => known.Step == step);
            if (at >= 0)
            {
                merged[at] = (step, Merge(merged[at].Entry, entry, of));
                last = at;
                continue;
            }

            last = last < 0 ? merged.Count : last + 1;
            merged.Insert(last, (step, entry?.DeepClone()));
        }

        return new JsonArray([.. merged.Select(part => part.Entry)]);
    }
}

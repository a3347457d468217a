using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>One place in an object: a field of a map, or an entry of a list; it may be empty.</summary>
internal readonly record struct Place(JsonNode Parent, string Name, int Index, string Path)
{
    /// <summary>What is there, or null.</summary>
    public JsonNode? Value
    {
        get => Parent is JsonObject map ? map[Name] : Parent[Index];
        set
        {
            if (Parent is JsonObject map)
                map[Name] = value;
            else
                Parent[Index] = value;
        }
    }

    /// <summary>
    /// The places a path like <c>spec.listeners[].port</c> leads to. A last field may be missing; what misses before it ends the way.
    /// </summary>
    public static List<Place> Find(JsonObject root, string path)
    {
        List<Place> places = [];
        Walk(root, "", path.Split('.'), places);
        return places;
    }

    private static void Walk(JsonObject at, string prefix, ReadOnlySpan<string> steps, List<Place> places)
    {
        bool each = steps[0].EndsWith("[]", StringComparison.Ordinal);
        string name = each ? steps[0][..^2] : steps[0];
        Place place = new(at, name, 0, prefix.Length == 0 ? name : $"{prefix}.{name}");
        if (!each)
        {
            if (steps.Length == 1)
                places.Add(place);
            else if (place.Value is JsonObject next)
                Walk(next, place.Path, steps[1..], places);
            return;
        }

        if (place.Value is not JsonArray list)
            return;
        for (int i = 0; i < list.Count; i++)
        {
            Place entry = new(list, "", i, $"{place.Path}[{i}]");
            if (steps.Length == 1)
                places.Add(entry);
            else if (list[i] is JsonObject next)
                Walk(next, entry.Path, steps[1..], places);
        }
    }
}

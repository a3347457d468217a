using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>JSON Merge Patch (RFC 7386): objects are merged, null removes, everything else replaces.</summary>
internal static class MergePatch
{
    /// <summary>Changes <paramref name="value"/> and returns it.</summary>
    public static JsonObject Apply(JsonObject value, JsonObject patch)
    {
        foreach ((string name, JsonNode? change) in patch)
        {
            if (change is null)
                value.Remove(name);
            else if (change is JsonObject inner)
                value[name] = Apply(value[name] as JsonObject is { } old ? Detached(value, name, old) : [], inner);
            else
                value[name] = change.DeepClone();
        }

        return value;
    }

    private static JsonObject Detached(JsonObject parent, string name, JsonObject child)
    {
        parent[name] = null;
        return child;
    }
}

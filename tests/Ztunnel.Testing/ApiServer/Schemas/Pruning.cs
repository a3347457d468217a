using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Drops what a CustomResourceDefinition's schema does not have, as a server does with everything that is written.</summary>
internal static class Pruning
{
    /// <summary>Drops it from an object; what every object has stays.</summary>
    public static void Prune(JsonObject value, JsonObject schema)
    {
        foreach ((string name, JsonNode? field) in value.ToArray())
        {
            if (name is not ("apiVersion" or "kind" or "metadata"))
                PruneField(value, name, field, schema);
        }
    }

    private static void PruneField(JsonObject value, string name, JsonNode? field, JsonObject schema)
    {
        if ((schema["properties"]?[name] ?? schema["additionalProperties"]) is JsonObject known)
            PruneValue(field, known);
        else if (schema["x-kubernetes-preserve-unknown-fields"] is not JsonValue preserves || !(bool)preserves)
            value.Remove(name);
    }

    private static void PruneValue(JsonNode? value, JsonObject schema)
    {
        if (value is JsonArray list && schema["items"] is JsonObject item)
        {
            foreach (JsonNode? element in list)
                PruneValue(element, item);
        }
        else if (value is JsonObject mapping)
        {
            foreach ((string name, JsonNode? field) in mapping.ToArray())
                PruneField(mapping, name, field, schema);
        }
    }
}

using System.Text.Json;

namespace Ztunnel.Resources;

/// <summary>Makes of JSON the tree that the readers of manifests read. It has no places.</summary>
internal static class JsonTreeBuilder
{
    // What API servers note for themselves of who wrote which field, often more than all the rest.
    private const string ManagedFields = "managedFields";

    /// <summary>The tree of an object, or of a part of one.</summary>
    public static YamlNode Build(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => Mapping(json),
        JsonValueKind.Array => new YamlSequence(0, 0, [.. json.EnumerateArray().Select(Build)]),
        JsonValueKind.String => new YamlScalar(0, 0, json.GetString()!, plain: false),
        // The words and numbers of JSON mean the same in YAML.
        _ => new YamlScalar(0, 0, json.GetRawText(), plain: true),
    };

    private static YamlMapping Mapping(JsonElement json)
    {
        var entries = new List<(YamlScalar Key, YamlNode Value)>(json.GetPropertyCount());
        foreach (JsonProperty property in json.EnumerateObject())
        {
            if (!property.NameEquals(ManagedFields))
                entries.Add((new YamlScalar(0, 0, property.Name, plain: false), Build(property.Value)));
        }

        return new YamlMapping(0, 0, entries);
    }
}

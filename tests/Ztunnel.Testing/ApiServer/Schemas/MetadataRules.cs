using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What must hold of every object's metadata.</summary>
internal static class MetadataRules
{
    private const string Subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        + "and end with an alphanumeric character";

    private const int AnnotationLimit = 256 * 1024;

    /// <summary>What is wrong.</summary>
    public static IEnumerable<Cause> Check(Schema schema, JsonObject value)
    {
        JsonObject metadata = Metadata.Of(value);
        string name = (string?)metadata["name"] ?? "";
        if (!schema.IsName(name))
            yield return Invalid("metadata.name", name, Subdomain);
        foreach ((string key, JsonNode? label) in metadata["labels"] as JsonObject ?? [])
        {
            if (!Names.IsQualifiedName(key))
                yield return Invalid("metadata.labels", key, "name part must consist of alphanumeric characters, '-', '_' or '.'");
            if (label is not JsonValue || !Names.IsLabelValue(label.ToString()))
                yield return Invalid("metadata.labels", label?.ToString() ?? "", "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'");
        }

        int size = 0;
        foreach ((string key, JsonNode? annotation) in metadata["annotations"] as JsonObject ?? [])
        {
            size += key.Length + (annotation?.ToString().Length ?? 0);
            if (!Names.IsQualifiedName(key.ToLowerInvariant()))
                yield return Invalid("metadata.annotations", key, "name part must consist of alphanumeric characters, '-', '_' or '.'");
        }

        if (size > AnnotationLimit)
            yield return new Cause("FieldValueTooLong", $"Too long: may not be more than {AnnotationLimit} bytes", "metadata.annotations");
        foreach (JsonNode? owner in metadata["ownerReferences"] as JsonArray ?? [])
        {
            foreach (string field in (string[])["apiVersion", "kind", "name", "uid"])
            {
                if (string.IsNullOrEmpty((string?)owner?[field]))
                    yield return new Cause("FieldValueRequired", "Required value", $"metadata.ownerReferences.{field}");
            }
        }
    }

    private static Cause Invalid(string field, string value, string why) => new("FieldValueInvalid", $"Invalid value: \"{value}\": {why}", field);
}

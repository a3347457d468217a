using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>Members of objects of which nothing is known beforehand, not even that they are objects.</summary>
internal static class JsonMembers
{
    /// <summary>A member; null where there is none, or it is null.</summary>
    public static JsonElement? Property(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A member that is a text; null where there is none.</summary>
    public static string? Text(JsonElement element, string name) =>
        Property(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;
}

using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Control;

/// <summary>The status an object has at one version of it.</summary>
/// <param name="Version">Its <c>metadata.resourceVersion</c>.</param>
/// <param name="Text">Its <c>status</c> as JSON in UTF-8; empty for none.</param>
internal sealed record LiveStatus(string Version, byte[] Text)
{
    /// <summary>That of an object as it is watched.</summary>
    public static LiveStatus Of(JsonElement @object) => new(
        @object.GetProperty("metadata").GetProperty("resourceVersion").GetString() ?? "",
        @object.TryGetProperty("status", out JsonElement status) && status.ValueKind == JsonValueKind.Object ? Encoding.UTF8.GetBytes(status.GetRawText()) : []);

    /// <summary>That of an object as it was read or written.</summary>
    public static LiveStatus Of(JsonNode @object) => new(
        @object["metadata"]?["resourceVersion"]?.GetValue<string>() ?? "",
        @object["status"] is JsonObject status ? Encoding.UTF8.GetBytes(status.ToJsonString()) : []);

    /// <summary>The status; null for none.</summary>
    public JsonObject? Read() => Text.Length == 0 ? null : JsonNode.Parse(Text) as JsonObject;
}

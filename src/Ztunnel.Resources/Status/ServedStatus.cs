using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Resources;

/// <summary>The status that an API server holds of an object, at one version of the object.</summary>
public sealed class ServedStatus
{
    private readonly byte[] _text;

    private ServedStatus(JsonElement @object, string served)
    {
        ServedVersion = served;
        if (Of(@object, "metadata", JsonValueKind.Object) is { } metadata)
        {
            Uid = Of(metadata, "uid", JsonValueKind.String)?.GetString() ?? "";
            Version = Of(metadata, "resourceVersion", JsonValueKind.String)?.GetString() ?? "";
            Generation = Of(metadata, "generation", JsonValueKind.Number) is { } number && number.TryGetInt64(out long generation) ? generation : 0;
        }

        // All that is kept of the object, for as long as there is one.
        _text = Of(@object, "status", JsonValueKind.Object) is { } status ? Encoding.UTF8.GetBytes(status.GetRawText()) : [];
    }

    /// <summary>The object's <c>metadata.uid</c>; empty for none.</summary>
    public string Uid { get; } = "";

    /// <summary>The object's <c>metadata.generation</c>; 0 for kinds without.</summary>
    public long Generation { get; }

    /// <summary>The object's <c>metadata.resourceVersion</c>.</summary>
    public string Version { get; } = "";

    /// <summary>The version of its API in which the object is served, such as <c>v1beta1</c>.</summary>
    public string ServedVersion { get; }

    /// <summary>That of an object as it is watched, of which nothing else is kept.</summary>
    public static ServedStatus Of(JsonElement @object, string served) => new(@object, served);

    /// <summary>That of an object as it was read or written.</summary>
    public static ServedStatus Of(JsonNode @object, string served)
    {
        ArgumentNullException.ThrowIfNull(@object);
        using JsonDocument read = JsonDocument.Parse(@object.ToJsonString());
        return new ServedStatus(read.RootElement, served);
    }

    /// <summary>The status; null for none.</summary>
    public JsonObject? Read() => _text.Length == 0 ? null : JsonNode.Parse(_text) as JsonObject;

    private static JsonElement? Of(JsonElement @object, string name, JsonValueKind kind) =>
        @object.ValueKind == JsonValueKind.Object && @object.TryGetProperty(name, out JsonElement value) && value.ValueKind == kind ? value : null;
}

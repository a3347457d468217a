using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// One object at one resource version, immutable. It is kept as the bytes that go over the wire, without the brace and the
/// <c>apiVersion</c> and <c>kind</c> in front, since those differ from answer to answer; beside them stands only what
/// selectors and owners are looked up by.
/// </summary>
internal sealed class StoredObject
{
    private static readonly JsonWriterOptions Writing = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private StoredObject(ResourceKind kind, JsonObject value, long version)
    {
        Kind = kind;
        Version = version;
        JsonObject metadata = value["metadata"]!.AsObject();
        Name = (string)metadata["name"]!;
        Namespace = (string?)metadata["namespace"] ?? "";
        Key = KeyOf(Namespace, Name);
        Uid = (string?)metadata["uid"] ?? "";
        Labels = metadata["labels"] is JsonObject labels
            ? labels.Select(label => KeyValuePair.Create(label.Key, (string?)label.Value ?? "")).ToArray()
            : [];
        Owners = metadata["ownerReferences"] is JsonArray owners ? [.. owners.Select(owner => (string?)owner?["uid"] ?? "")] : [];
        Deleting = metadata["deletionTimestamp"] is not null;
        Created = (string?)metadata["creationTimestamp"] is { } time
            ? DateTimeOffset.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal)
            : default;
        Fields = kind.SelectableFields.IsEmpty
            ? []
            : [.. kind.SelectableFields.Select(path => Text(value, path))];
        (Body, MetadataLength) = Encode(value);
    }

    private StoredObject(string key)
    {
        Kind = null!;
        Key = key;
        Namespace = Name = Uid = "";
        Labels = [];
        Owners = Fields = [];
        Body = [];
    }

    /// <summary>The kind it is kept as.</summary>
    public ResourceKind Kind { get; }

    /// <summary>The resource version.</summary>
    public long Version { get; }

    /// <summary>The namespace, empty for cluster-wide objects.</summary>
    public string Namespace { get; }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>What objects of a kind are ordered by, as in etcd.</summary>
    public string Key { get; }

    /// <summary>The uid.</summary>
    public string Uid { get; }

    /// <summary>The labels.</summary>
    public KeyValuePair<string, string>[] Labels { get; }

    /// <summary>The uids of the owners.</summary>
    public string[] Owners { get; }

    /// <summary>Whether deletion has begun.</summary>
    public bool Deleting { get; }

    /// <summary>When it was created.</summary>
    public DateTimeOffset Created { get; }

    /// <summary>The values of <see cref="ResourceKind.SelectableFields"/>, in that order.</summary>
    public string[] Fields { get; }

    /// <summary>The JSON from the metadata on, the closing brace included.</summary>
    public byte[] Body { get; }

    /// <summary>How many bytes of <see cref="Body"/> are the metadata.</summary>
    public int MetadataLength { get; }

    /// <summary>What a table's row of it says, made once; see <see cref="TableRow"/>.</summary>
    public TableRow? Row { get; set; }

    /// <summary>The key of an object.</summary>
    public static string KeyOf(string ns, string name) => ns.Length == 0 ? name : $"{ns}/{name}";

    /// <summary>Something to look a key up with; not an object.</summary>
    public static StoredObject Probe(string key) => new(key);

    /// <summary>An object to be kept; its <c>metadata.resourceVersion</c> is set here.</summary>
    public static StoredObject Of(ResourceKind kind, JsonObject value, long version)
    {
        value["metadata"]!["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture);
        return new StoredObject(kind, value, version);
    }

    /// <summary>The whole object, to be changed by whoever asked.</summary>
    public JsonObject ToJson()
    {
        JsonObject body = JsonNode.Parse([.. "{"u8, .. Body])!.AsObject();
        JsonObject whole = new() { ["apiVersion"] = Kind.ApiVersion(), ["kind"] = Kind.Kind };
        foreach ((string name, JsonNode? node) in body.ToArray())
        {
            body.Remove(name);
            whole[name] = node;
        }

        return whole;
    }

    private static string Text(JsonObject value, string path)
    {
        JsonNode? node = value;
        foreach (string step in path.Split('.'))
            node = (node as JsonObject)?[step];
        return node is JsonValue ? node.ToString() : "";
    }

    private static (byte[] Body, int MetadataLength) Encode(JsonObject value)
    {
        using MemoryStream stream = new();
        using Utf8JsonWriter writer = new(stream, Writing);
        writer.WriteStartObject();
        writer.WritePropertyName("metadata");
        value["metadata"]!.WriteTo(writer);
        writer.Flush();
        int metadata = (int)stream.Length - 1;
        foreach ((string name, JsonNode? node) in value)
        {
            if (name is "apiVersion" or "kind" or "metadata")
                continue;
            writer.WritePropertyName(name);
            if (node is null)
                writer.WriteNullValue();
            else
                node.WriteTo(writer);
        }

        writer.WriteEndObject();
        writer.Flush();
        return (stream.GetBuffer().AsSpan(1, (int)stream.Length - 1).ToArray(), metadata);
    }

    /// <summary>Objects ordered by key.</summary>
    public sealed class ByKey : IComparer<StoredObject>
    {
        /// <summary>The one comparer.</summary>
        public static readonly ByKey Order = new();

        /// <inheritdoc/>
        public int Compare(StoredObject? x, StoredObject? y) => string.CompareOrdinal(x?.Key, y?.Key);
    }
}

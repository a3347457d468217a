using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// Reads the bodies that newer kubectl sends in protobuf whatever the server would rather have: what <c>kubectl create namespace</c>,
/// <c>configmap</c>, <c>secret</c>, <c>serviceaccount</c> and <c>token</c> make, and how objects are to be deleted. Field numbers are those of the published generated.proto files. Nothing is ever
/// answered in protobuf: every client that sends it takes JSON too.
/// </summary>
internal static class ProtobufBody
{
    /// <summary>The content type.</summary>
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    private static readonly Dictionary<string, Dictionary<int, Field>> Messages = new(StringComparer.Ordinal)
    {
        ["Unknown"] = new() { [1] = new("typeMeta", "TypeMeta"), [2] = new("raw", "raw") },
        ["TypeMeta"] = new() { [1] = new("apiVersion", "text"), [2] = new("kind", "text") },
        ["ObjectMeta"] = new()
        {
            [1] = new("name", "text"),
            [2] = new("generateName", "text"),
            [3] = new("namespace", "text"),
            [5] = new("uid", "text"),
            [6] = new("resourceVersion", "text"),
            [11] = new("labels", "texts"),
            [12] = new("annotations", "texts"),
            [14] = new("finalizers", "text", Repeated: true),
        },
        ["Namespace"] = new() { [1] = new("metadata", "ObjectMeta") },
        ["ConfigMap"] = new()
        {
            [1] = new("metadata", "ObjectMeta"),
            [2] = new("data", "texts"),
            [3] = new("binaryData", "blobs"),
            [4] = new("immutable", "flag"),
        },
        ["Secret"] = new()
        {
            [1] = new("metadata", "ObjectMeta"),
            [2] = new("data", "blobs"),
            [3] = new("type", "text"),
            [4] = new("stringData", "texts"),
            [5] = new("immutable", "flag"),
        },
        ["ServiceAccount"] = new() { [1] = new("metadata", "ObjectMeta"), [4] = new("automountServiceAccountToken", "flag") },
        ["TokenRequest"] = new() { [1] = new("metadata", "ObjectMeta"), [2] = new("spec", "TokenRequestSpec") },
        ["TokenRequestSpec"] = new()
        {
            [1] = new("audiences", "text", Repeated: true),
            [3] = new("boundObjectRef", "BoundObjectReference"),
            [4] = new("expirationSeconds", "number"),
        },
        ["DeleteOptions"] = new()
        {
            [1] = new("gracePeriodSeconds", "number"),
            [2] = new("preconditions", "Preconditions"),
            [4] = new("propagationPolicy", "text"),
            [5] = new("dryRun", "text", Repeated: true),
        },
        ["Preconditions"] = new() { [1] = new("uid", "text"), [2] = new("resourceVersion", "text") },
        ["BoundObjectReference"] = new()
        {
            [1] = new("kind", "text"),
            [2] = new("apiVersion", "text"),
            [3] = new("name", "text"),
            [4] = new("uid", "text"),
        },
    };

    /// <summary>The object in a body, or null when it is of a kind that is not read here.</summary>
    public static JsonObject? Read(ReadOnlySpan<byte> body)
    {
        if (!body.StartsWith("k8s\0"u8))
            throw ApiFailure.BadRequest("the body does not begin as protobuf of Kubernetes does");
        JsonObject envelope = Message("Unknown", body[4..]);
        if (envelope["typeMeta"] is not JsonObject type || (string?)type["kind"] is not { } kind || !Messages.ContainsKey(kind))
            return null;
        JsonObject value = new() { ["apiVersion"] = type["apiVersion"]?.DeepClone(), ["kind"] = kind };
        foreach ((string name, JsonNode? part) in Message(kind, Convert.FromBase64String((string?)envelope["raw"] ?? "")))
            value[name] = part?.DeepClone();
        return value;
    }

    private static JsonObject Message(string type, ReadOnlySpan<byte> bytes)
    {
        JsonObject value = [];
        Dictionary<int, Field> fields = Messages[type];
        while (!bytes.IsEmpty)
        {
            ulong tag = Number(ref bytes);
            (ReadOnlySpan<byte> content, ulong number) = Content((int)(tag & 7), ref bytes);
            // What is not in the table says nothing about an object that is to be made.
            if (fields.TryGetValue((int)(tag >> 3), out Field? field))
                Set(value, field, content, number);
        }

        return value;
    }

    private static void Set(JsonObject value, Field field, ReadOnlySpan<byte> content, ulong number)
    {
        if (field.Type is "texts" or "blobs")
        {
            (string key, JsonNode entry) = Entry(content, field.Type == "blobs");
            (value[field.Name] ??= new JsonObject())[key] = entry;
            return;
        }

        JsonNode part = field.Type switch
        {
            "text" => Encoding.UTF8.GetString(content),
            "raw" => Convert.ToBase64String(content),
            "number" => (long)number,
            "flag" => number != 0,
            _ => Message(field.Type, content),
        };
        if (field.Repeated)
            ((JsonArray)(value[field.Name] ??= new JsonArray())).Add(part);
        else if (part is not JsonValue || part.ToString().Length > 0)
            value[field.Name] = part;
    }

    private static (string Key, JsonNode Value) Entry(ReadOnlySpan<byte> bytes, bool blob)
    {
        string key = "";
        JsonNode value = "";
        while (!bytes.IsEmpty)
        {
            ulong tag = Number(ref bytes);
            (ReadOnlySpan<byte> content, _) = Content((int)(tag & 7), ref bytes);
            if (tag >> 3 == 1)
                key = Encoding.UTF8.GetString(content);
            else
                value = blob ? Convert.ToBase64String(content) : Encoding.UTF8.GetString(content);
        }

        return (key, value);
    }

    private static Part Content(int wire, ref ReadOnlySpan<byte> bytes)
    {
        switch (wire)
        {
            case 0:
                return new Part([], Number(ref bytes));
            case 2:
                int length = (int)Number(ref bytes);
                return new Part(Take(length, ref bytes), 0);
            case 1:
                return new Part([], BinaryPrimitives.ReadUInt64LittleEndian(Take(8, ref bytes)));
            case 5:
                return new Part([], BinaryPrimitives.ReadUInt32LittleEndian(Take(4, ref bytes)));
            default:
                throw Broken();
        }
    }

    private static ReadOnlySpan<byte> Take(int length, ref ReadOnlySpan<byte> bytes)
    {
        if (length < 0 || length > bytes.Length)
            throw Broken();
        ReadOnlySpan<byte> taken = bytes[..length];
        bytes = bytes[length..];
        return taken;
    }

    private static ulong Number(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte next = Take(1, ref bytes)[0];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        throw Broken();
    }

    private static ApiFailure Broken() => ApiFailure.BadRequest("the body is no protobuf");

    private sealed record Field(string Name, string Type, bool Repeated = false);

    private readonly ref struct Part(ReadOnlySpan<byte> content, ulong number)
    {
        private readonly ReadOnlySpan<byte> _content = content;

        public void Deconstruct(out ReadOnlySpan<byte> content, out ulong value)
        {
            content = _content;
            value = number;
        }
    }
}

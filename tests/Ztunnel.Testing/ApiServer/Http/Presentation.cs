using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What an answer is made of: whole objects, their metadata alone, or rows of a table.</summary>
internal enum ObjectForm
{
    Whole,
    Metadata,
    Table,
}

/// <summary>What a row of a table carries of its object (<c>includeObject</c>).</summary>
internal enum RowObject
{
    None,
    Metadata,
    Whole,
}

/// <summary>The form in which objects of a kind are told: in which version, and how much of them.</summary>
internal sealed record Presentation(ResourceKind Kind, string Version, ObjectForm Form, RowObject Rows, TimeProvider Time)
{
    /// <summary>Whether it is a table.</summary>
    public bool IsTable => Form == ObjectForm.Table;

    /// <summary>The object on its own.</summary>
    public byte[] Single(StoredObject value)
    {
        ArrayBufferWriter<byte> output = new();
        Write(output, value, columns: true);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The line of a watch that tells of a change.</summary>
    public byte[] Event(WatchEventType type, StoredObject value, bool first)
    {
        ArrayBufferWriter<byte> output = new(value.Body.Length + 128);
        Write(output, type switch
        {
            WatchEventType.Added => "{\"type\":\"ADDED\",\"object\":",
            WatchEventType.Modified => "{\"type\":\"MODIFIED\",\"object\":",
            _ => "{\"type\":\"DELETED\",\"object\":",
        });
        Write(output, value, columns: first);
        output.Write("}\n"u8);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Writes an object in its form; a table with its columns where the reader has not had them.</summary>
    private void Write(ArrayBufferWriter<byte> output, StoredObject value, bool columns)
    {
        switch (Form)
        {
            case ObjectForm.Whole:
                WriteWhole(output, value, typed: true);
                break;
            case ObjectForm.Metadata:
                WriteMetadata(output, value);
                break;
            default:
                WriteTableHead(output, $"\"resourceVersion\":\"{value.Version}\"", columns);
                WriteRow(output, value);
                output.Write("]}"u8);
                break;
        }
    }

    /// <summary>The line of a watch that says up to where everything was told; at the end of the first objects it is marked.</summary>
    public byte[] Bookmark(long version, bool initialEnd)
    {
        JsonObject metadata = new() { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture), ["creationTimestamp"] = null };
        if (initialEnd)
            metadata["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        JsonObject value = Form switch
        {
            ObjectForm.Whole => new() { ["kind"] = Kind.Kind, ["apiVersion"] = Kind.ApiVersion(Version), ["metadata"] = metadata },
            ObjectForm.Metadata => new() { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata },
            _ => new()
            {
                ["kind"] = "Table",
                ["apiVersion"] = "meta.k8s.io/v1",
                ["metadata"] = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture) },
                ["columnDefinitions"] = null,
                ["rows"] = new JsonArray(new JsonObject
                {
                    ["cells"] = null,
                    ["object"] = new JsonObject { ["kind"] = "PartialObjectMetadata", ["apiVersion"] = "meta.k8s.io/v1", ["metadata"] = metadata },
                }),
            },
        };
        return Encoding.UTF8.GetBytes($"{{\"type\":\"BOOKMARK\",\"object\":{value.ToJsonString()}}}\n");
    }

    /// <summary>What stands before the items of a list; <paramref name="metadata"/> is the inside of the list's metadata.</summary>
    public void WriteListHead(IBufferWriter<byte> output, string metadata)
    {
        switch (Form)
        {
            case ObjectForm.Whole:
                Write(output, $"{{\"kind\":\"{Kind.Kind}List\",\"apiVersion\":\"{Kind.ApiVersion(Version)}\",\"metadata\":{{{metadata}}},\"items\":[");
                break;
            case ObjectForm.Metadata:
                Write(output, $"{{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{{metadata}}},\"items\":[");
                break;
            default:
                WriteTableHead(output, metadata, columns: true);
                break;
        }
    }

    /// <summary>One item of a list. Those of built-in kinds do not say what they are; those of custom ones do.</summary>
    public void WriteItem(IBufferWriter<byte> output, StoredObject value)
    {
        switch (Form)
        {
            case ObjectForm.Whole:
                WriteWhole(output, value, typed: Kind.Custom);
                break;
            case ObjectForm.Metadata:
                WriteMetadata(output, value);
                break;
            default:
                WriteRow(output, value);
                break;
        }
    }

    private void WriteTableHead(IBufferWriter<byte> output, string metadata, bool columns)
    {
        string definitions = columns ? TableColumns.Definitions(Kind) : "null";
        Write(output, $"{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{{{metadata}}},\"columnDefinitions\":{definitions},\"rows\":[");
    }

    private void WriteRow(IBufferWriter<byte> output, StoredObject value)
    {
        output.Write("{\"cells\":["u8);
        TableRow row = value.Row ??= TableRow.Of(value);
        row.Write(output, Time.GetUtcNow());
        output.Write("],\"object\":"u8);
        switch (Rows)
        {
            case RowObject.None:
                output.Write("null"u8);
                break;
            case RowObject.Metadata:
                WriteMetadata(output, value);
                break;
            default:
                WriteWhole(output, value, typed: true);
                break;
        }

        output.Write("}"u8);
    }

    private void WriteWhole(IBufferWriter<byte> output, StoredObject value, bool typed)
    {
        ReadOnlySpan<byte> body = value.Body;
        if (Kind.Conversion is { } conversion)
        {
            JsonObject converted = value.ToJson();
            conversion.FromKept(converted);
            converted.Remove("apiVersion");
            converted.Remove("kind");
            body = Encoding.UTF8.GetBytes(converted.ToJsonString()).AsSpan(1);
        }

        Write(output, typed ? $"{{\"apiVersion\":\"{Kind.ApiVersion(Version)}\",\"kind\":\"{Kind.Kind}\"," : "{");
        output.Write(body);
    }

    private static void WriteMetadata(IBufferWriter<byte> output, StoredObject value)
    {
        output.Write("{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\","u8);
        output.Write(value.Body.AsSpan(0, value.MetadataLength));
        output.Write("}"u8);
    }

    private static void Write(IBufferWriter<byte> output, string text)
    {
        Span<byte> room = output.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        output.Advance(Encoding.UTF8.GetBytes(text, room));
    }
}

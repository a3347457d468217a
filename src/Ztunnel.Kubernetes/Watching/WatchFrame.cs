using System.Text.Json;

namespace Ztunnel.Kubernetes;

/// <summary>One event of a watch as the server sends it (meta/v1 WatchEvent). Throws <see cref="JsonException"/> where it is none.</summary>
internal readonly struct WatchFrame
{
    private const string InitialEnd = "k8s.io/initial-events-end";

    private readonly string _type;
    private readonly bool _table;

    public WatchFrame(JsonElement frame, bool asTable)
    {
        _type = JsonMembers.Text(frame, "type") ?? throw new JsonException("an event has no type");
        Object = JsonMembers.Property(frame, "object") ?? throw new JsonException("an event has no object");
        _table = asTable;
    }

    /// <summary>The object as it stands in the event: a table around it included.</summary>
    public JsonElement Object { get; }

    public bool IsError => _type is "ERROR";

    public bool IsBookmark => _type is "BOOKMARK";

    public bool IsDeleted => _type is "DELETED";

    /// <summary>The names of the columns, where the event gives them: the first one does.</summary>
    public IReadOnlyList<string>? Columns => _table && JsonMembers.Property(Object, "columnDefinitions") is { } columns ? ListPage.ColumnsOf(columns) : null;

    /// <summary>The object, or the row that it is.</summary>
    public JsonElement Item => _table ? Row ?? throw new JsonException("a table has no row") : Object;

    /// <summary>Whether this bookmark ends what was there at the beginning.</summary>
    public bool EndsInitial => Annotated(Metadata(Object, false)) || (_table && Row is { } row && Annotated(Metadata(row, true)));

    public string Version =>
        (_table && Row is { } row ? JsonMembers.Text(Metadata(row, true), "resourceVersion") : null)
        ?? JsonMembers.Text(Metadata(Object, false), "resourceVersion")
        ?? throw new JsonException("an event has no resourceVersion");

    private JsonElement? Row =>
        JsonMembers.Property(Object, "rows") is { ValueKind: JsonValueKind.Array } rows && rows.GetArrayLength() > 0 ? rows[0] : null;

    public static JsonElement Metadata(JsonElement item, bool asRow) =>
        (asRow ? JsonMembers.Property(item, "object") : item) is { } @object && JsonMembers.Property(@object, "metadata") is { } metadata
            ? metadata
            : throw new JsonException("an object has no metadata");

    private static bool Annotated(JsonElement metadata) =>
        JsonMembers.Property(metadata, "annotations") is { } annotations && JsonMembers.Text(annotations, InitialEnd) is "true";
}

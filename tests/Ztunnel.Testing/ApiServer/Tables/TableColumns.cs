using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Which columns the tables of each kind have.</summary>
internal static class TableColumns
{
    private static readonly ConcurrentDictionary<ResourceKind, ImmutableArray<TableColumn>> Made = new();

    /// <summary>The columns of a kind's table.</summary>
    public static ImmutableArray<TableColumn> Of(ResourceKind kind) => Made.GetOrAdd(kind.Kept, Make);

    /// <summary>The columns as a table tells them.</summary>
    public static string Definitions(ResourceKind kind) =>
        new JsonArray([.. Of(kind).Select(column => new JsonObject
        {
            ["name"] = column.Name,
            ["type"] = column.Type,
            ["format"] = column.Name == "Name" ? "name" : "",
            ["description"] = "",
            ["priority"] = column.Priority,
        })]).ToJsonString();

    private static ImmutableArray<TableColumn> Make(ResourceKind kind) => kind.Resource switch
    {
        "pods" => [.. PodColumns.All],
        _ => ClusterColumns.Of(kind.Resource) ?? [.. TableColumn.Parse(kind.Columns)],
    };
}

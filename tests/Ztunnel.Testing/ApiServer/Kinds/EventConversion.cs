using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Events of the core group are those of events.k8s.io under other names.</summary>
internal static class EventConversion
{
    private static readonly (string Core, string Kept)[] Fields =
    [
        ("involvedObject", "regarding"), ("message", "note"), ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"), ("count", "deprecatedCount"),
        ("reportingComponent", "reportingController"),
    ];

    /// <summary>Names the fields as events.k8s.io does.</summary>
    public static void ToKept(JsonObject value)
    {
        foreach ((string core, string kept) in Fields)
            Rename(value, core, kept);
    }

    /// <summary>Names the fields as the core group does.</summary>
    public static void FromKept(JsonObject value)
    {
        foreach ((string core, string kept) in Fields)
            Rename(value, kept, core);
    }

    private static void Rename(JsonObject value, string from, string to)
    {
        if (value.Remove(from, out JsonNode? node))
            value[to] = node;
    }
}

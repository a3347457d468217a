using System.Globalization;
using System.Text.Json;

namespace Ztunnel.Testing.Api;

/// <summary>
/// Looks into objects by dotted paths. A step may go into a list by number (<c>addresses[0]</c>) or to the entry of a type
/// (<c>conditions[Ready]</c>).
/// </summary>
internal static class JsonPath
{
    /// <summary>What is there, or null.</summary>
    public static JsonElement? Find(JsonElement value, string path)
    {
        JsonElement at = value;
        foreach (string step in path.Split('.'))
        {
            int open = step.IndexOf('[', StringComparison.Ordinal);
            string name = open < 0 ? step : step[..open];
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(name, out at))
                return null;
            if (open >= 0)
            {
                if (Entry(at, step[(open + 1)..^1]) is not { } entry)
                    return null;
                at = entry;
            }
        }

        return at.ValueKind == JsonValueKind.Null ? null : at;
    }

    /// <summary>The text that is there, or an empty one.</summary>
    public static string Text(JsonElement value, string path) => Find(value, path)?.ToString() ?? "";

    /// <summary>The number that is there, or 0.</summary>
    public static long Number(JsonElement value, string path) =>
        Find(value, path) is { ValueKind: JsonValueKind.Number } number ? number.GetInt64() : 0;

    /// <summary>The entries of the list that is there, or none.</summary>
    public static IEnumerable<JsonElement> Items(JsonElement value, string path) =>
        Find(value, path) is { ValueKind: JsonValueKind.Array } array ? array.EnumerateArray() : [];

    /// <summary>What is there as a cell of a table: text, a whole number, or null.</summary>
    public static object? Cell(JsonElement value, string path) => Find(value, path) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out long whole) => whole,
        { ValueKind: JsonValueKind.Object or JsonValueKind.Array } part => part.GetRawText(),
        { } other => other.ToString(),
    };

    private static JsonElement? Entry(JsonElement list, string index)
    {
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        if (int.TryParse(index, CultureInfo.InvariantCulture, out int number))
            return number < list.GetArrayLength() ? list[number] : null;
        foreach (JsonElement entry in list.EnumerateArray())
        {
            if (Text(entry, "type") == index)
                return entry;
        }

        return null;
    }
}

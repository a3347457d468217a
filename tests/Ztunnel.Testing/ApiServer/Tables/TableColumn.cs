using System.Globalization;
using System.Text.Json;

namespace Ztunnel.Testing.Api;

/// <summary>
/// One column of a kind's table. <see cref="Cell"/> gives text, a number, nothing, or a time, which is shown as how long ago it was.
/// Columns of a <paramref name="Priority"/> above 0 are shown with <c>-o wide</c> only.
/// </summary>
internal sealed record TableColumn(string Name, Func<JsonElement, object?> Cell, int Priority = 0, string Type = "string")
{
    /// <summary>The name of the object.</summary>
    public static readonly TableColumn ObjectName = new("Name", value => JsonPath.Text(value, "metadata.name"));

    /// <summary>How old the object is.</summary>
    public static readonly TableColumn Age = new("Age", value => Time(value, "metadata.creationTimestamp") ?? (object)"<unknown>");

    /// <summary>A time in the object, or null.</summary>
    public static DateTimeOffset? Time(JsonElement value, string path) =>
        JsonPath.Text(value, path) is { Length: > 0 } text
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time
            : null;

    /// <summary>
    /// Columns written as <c>Name=path; Name=path</c>; <c>Age</c> alone is the object's age, and a <c>+</c> in front means wide only.
    /// </summary>
    public static IEnumerable<TableColumn> Parse(string text)
    {
        yield return ObjectName;
        foreach (string part in text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "Age")
            {
                yield return Age;
                continue;
            }

            string[] sides = part.Split('=', 2);
            yield return new TableColumn(
                sides[0].TrimStart('+'), value => JsonPath.Cell(value, sides[1]), sides[0].StartsWith('+') ? 1 : 0);
        }
    }
}

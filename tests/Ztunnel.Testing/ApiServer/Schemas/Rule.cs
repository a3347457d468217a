using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ztunnel.Testing.Api;

/// <summary>Something that must hold at all places of a path; what it says of a place is a cause of a 422.</summary>
internal sealed record Rule(string Path, Func<Place, JsonObject?, Cause?> Check)
{
    /// <summary>Something must be there.</summary>
    public static Rule Required(string path) => new(path, static (place, _) => place.Value is null or JsonArray { Count: 0 } || place.Value.ToString().Length == 0
        ? new Cause("FieldValueRequired", "Required value", place.Path)
        : null);

    /// <summary>What is there, is one of these.</summary>
    public static Rule OneOf(string path, params string[] values) => new(path, (place, _) =>
        place.Value is { } value && !values.Contains(value.ToString())
            ? new Cause(
                "FieldValueNotSupported",
                $"Unsupported value: \"{value}\": supported values: {string.Join(", ", values.Select(known => $"\"{known}\""))}",
                place.Path)
            : null);

    /// <summary>What is there, is a number from one to the other.</summary>
    public static Rule Range(string path, long from, long to) => new(path, (place, _) =>
        place.Value is { } value && !(long.TryParse(value.ToString(), CultureInfo.InvariantCulture, out long number) && number >= from && number <= to)
            ? Invalid(place, string.Create(CultureInfo.InvariantCulture, $"must be between {from} and {to}, inclusive"))
            : null);

    /// <summary>A list that is there has no more and no fewer entries.</summary>
    public static Rule Count(string path, int from, int to) => new(path, (place, _) => (place.Value as JsonArray)?.Count switch
    {
        { } count when count > to => new Cause("FieldValueTooMany", $"Too many: {count}: must have at most {to} items", place.Path),
        { } count when count < from => Invalid(place, $"{place.Path} in body should have at least {from} items"),
        _ => null,
    });

    /// <summary>No two entries of a list have one value of a field.</summary>
    public static Rule Unique(string path, string key) => new(path, (place, _) =>
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        JsonArray list = place.Value as JsonArray ?? [];
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i]?[key]?.ToString() is { } value && !seen.Add(value))
                return new Cause("FieldValueDuplicate", $"Duplicate value: \"{value}\"", $"{place.Path}[{i}].{key}");
        }

        return null;
    });

    /// <summary>A text that is there has this form.</summary>
    public static Rule Form(string path, string pattern, string why) => new(path, (place, _) =>
        place.Value is { } value && !Regex.IsMatch(value.ToString(), pattern, RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            ? Invalid(place, why)
            : null);

    /// <summary>What was there stays as it is.</summary>
    public static Rule Immutable(string path) => new(path, (place, before) =>
    {
        if (before is null)
            return null;
        Place old = Place.Find(before, path).FirstOrDefault();
        return old.Parent is not null && old.Value is not null && !JsonNode.DeepEquals(old.Value, place.Value) ? Invalid(place, "field is immutable") : null;
    });

    /// <summary>Something of its own must hold of what is there; the text says what when it does not.</summary>
    public static Rule Holds(string path, Func<JsonNode, bool> test, string why) => new(path, (place, _) =>
        place.Value is { } value && !test(value) ? Invalid(place, why) : null);

    private static Cause Invalid(Place place, string why) =>
        new("FieldValueInvalid", $"Invalid value: {place.Value?.ToJsonString() ?? "null"}: {why}", place.Path);
}

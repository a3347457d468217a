using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>JSON Patch (RFC 6902) over JSON pointers (RFC 6901).</summary>
internal static class JsonPatch
{
    /// <summary>Changes <paramref name="value"/> by all operations and returns it; throws 422 when one cannot be done.</summary>
    public static JsonObject Apply(JsonObject value, JsonArray operations)
    {
        JsonNode root = value;
        foreach (JsonNode? operation in operations)
        {
            string path = Text(operation, "path");
            JsonNode? given = operation!["value"]?.DeepClone();
            switch (Text(operation, "op"))
            {
                case "add":
                    Set(ref root, path, given, insert: true);
                    break;
                case "replace":
                    _ = Find(root, path);
                    Set(ref root, path, given, insert: false);
                    break;
                case "remove":
                    Remove(root, path);
                    break;
                case "test":
                    if (!JsonNode.DeepEquals(Find(root, path), given))
                        throw Failed($"testing value {path} failed");
                    break;
                case "copy":
                    Set(ref root, path, Find(root, Text(operation, "from"))?.DeepClone(), insert: true);
                    break;
                case "move":
                    JsonNode? moved = Find(root, Text(operation, "from"))?.DeepClone();
                    Remove(root, Text(operation, "from"));
                    Set(ref root, path, moved, insert: true);
                    break;
                default:
                    throw ApiFailure.BadRequest($"Unexpected kind: {Text(operation, "op")}");
            }
        }

        return root as JsonObject ?? throw Failed("the patched value is no object");
    }

    private static string Text(JsonNode? operation, string name) =>
        (string?)operation?[name] ?? throw ApiFailure.BadRequest($"a patch operation lacks \"{name}\"");

    private static JsonNode? Find(JsonNode root, string path)
    {
        JsonNode? at = root;
        foreach (string step in Steps(path))
            at = Step(at, step, path);
        return at;
    }

    private static JsonNode? Step(JsonNode? at, string step, string path) => at switch
    {
        JsonObject map when map.TryGetPropertyValue(step, out JsonNode? found) => found,
        JsonArray list when int.TryParse(step, CultureInfo.InvariantCulture, out int index) && index < list.Count => list[index],
        _ => throw Failed($"path {path} is not there"),
    };

    private static void Set(ref JsonNode root, string path, JsonNode? value, bool insert)
    {
        string[] steps = Steps(path);
        if (steps.Length == 0)
        {
            root = value ?? throw Failed("the patched value is no object");
            return;
        }

        switch (Parent(root, steps, path))
        {
            case JsonObject map:
                map[steps[^1]] = value;
                break;
            case JsonArray list when steps[^1] == "-":
                list.Add(value);
                break;
            case JsonArray list when int.TryParse(steps[^1], CultureInfo.InvariantCulture, out int index) && index <= list.Count:
                if (insert)
                    list.Insert(index, value);
                else
                    list[index] = value;
                break;
            default:
                throw Failed($"path {path} is not there");
        }
    }

    private static void Remove(JsonNode root, string path)
    {
        string[] steps = Steps(path);
        switch (steps.Length == 0 ? null : Parent(root, steps, path))
        {
            case JsonObject map when map.Remove(steps[^1]):
                break;
            case JsonArray list when int.TryParse(steps[^1], CultureInfo.InvariantCulture, out int index) && index < list.Count:
                list.RemoveAt(index);
                break;
            default:
                throw Failed($"Unable to remove nonexistent key: {path}");
        }
    }

    private static JsonNode? Parent(JsonNode root, string[] steps, string path)
    {
        JsonNode? at = root;
        foreach (string step in steps[..^1])
            at = Step(at, step, path);
        return at;
    }

    private static string[] Steps(string path) => path.Length == 0
        ? []
        : [.. path[1..].Split('/').Select(step => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];

    private static ApiFailure Failed(string why) => new(422, "Invalid", $"the server rejected our request due to an error in our request: {why}");
}

using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// How a part of an object is merged: field by field, or as one; and which lists are maps or sets in truth. What is not said
/// otherwise is what Kubernetes takes for granted: objects are merged by field, lists are replaced whole.
/// </summary>
internal sealed class Shape
{
    /// <summary>What is said about nothing.</summary>
    public static readonly Shape Plain = new();

    private readonly Dictionary<string, Shape> _fields = [];

    /// <summary>Whether an object is one value, owned and replaced whole.</summary>
    public bool Atomic { get; private set; }

    /// <summary>Whether a list is a set of plain values.</summary>
    public bool IsSet { get; private set; }

    /// <summary>The fields that tell the entries of a list apart, when it is a map; strategic merge patches go by the first alone.</summary>
    public string[] Keys { get; private set; } = [];

    /// <summary>
    /// Reads a shape from paths: <c>a.b[name]</c> is a list told apart by name, <c>a.b[].c</c> goes into its entries, <c>a{}</c> is a set,
    /// <c>a!</c> is one value.
    /// </summary>
    public static Shape Of(params IEnumerable<string> paths)
    {
        Shape root = new();
        foreach (string path in paths)
            root.Add(path);
        return root;
    }

    /// <summary>The shape of a field.</summary>
    public Shape Field(string name) => _fields.GetValueOrDefault(name, Plain);

    /// <summary>The shape of the entries of a list, whose fields stand with the list's.</summary>
    public Shape Entry => this;

    /// <summary>Whether a value of this shape has parts that are owned on their own.</summary>
    public bool IsDivisible(JsonNode? value) => value switch
    {
        JsonObject map => !Atomic && map.Count > 0,
        JsonArray list => (IsSet || Keys.Length > 0) && list.Count > 0,
        _ => false,
    };

    /// <summary>The value of a key of a list's entry. Only protocols have a default and may be missing.</summary>
    public static JsonNode? KeyOf(JsonNode? entry, string key) =>
        (entry as JsonObject)?[key] ?? (key == "protocol" ? JsonValue.Create("TCP") : null);

    private void Add(string path)
    {
        Shape at = this;
        foreach (string step in path.Split('.'))
        {
            string name = step.TrimEnd('!', '{', '}');
            int open = name.IndexOf('[', StringComparison.Ordinal);
            string bare = open < 0 ? name : name[..open];
            if (!at._fields.TryGetValue(bare, out Shape? next))
                at._fields[bare] = next = new Shape();
            at = next;
            at.Atomic |= step.EndsWith('!');
            at.IsSet |= step.EndsWith("{}", StringComparison.Ordinal);
            if (open >= 0 && name[(open + 1)..^1] is { Length: > 0 } keys)
                at.Keys = keys.Split(',');
        }
    }
}

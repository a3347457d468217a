using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// A set of fields of an object, as managedFields tell it (FieldsV1): a tree of steps, where <c>f:name</c> goes into a field, <c>k:{keys}</c> to
/// an entry of a list by its keys and <c>v:value</c> to one by its value.
/// </summary>
internal sealed class FieldSet
{
    private readonly SortedDictionary<string, FieldSet> _steps = new(StringComparer.Ordinal);

    /// <summary>Whether the field this stands for is itself in the set.</summary>
    public bool Member { get; private set; }

    /// <summary>Whether nothing is in the set.</summary>
    public bool IsEmpty => !Member && _steps.Count == 0;

    /// <summary>The steps from here.</summary>
    public IEnumerable<KeyValuePair<string, FieldSet>> Steps => _steps;

    /// <summary>What is in the set behind a step, or null.</summary>
    public FieldSet? this[string step] => _steps.GetValueOrDefault(step);

    /// <summary>All fields of a value that are owned on their own.</summary>
    public static FieldSet Of(JsonNode? value, Shape shape)
    {
        FieldSet set = new();
        if (!shape.IsDivisible(value))
        {
            set.Member = true;
            return set;
        }

        foreach ((string step, JsonNode? part, Shape of) in Parts(value, shape))
            set._steps[step] = OfPart(step, part, of);
        return set;
    }

    /// <summary>The fields of a part of a value, which stands behind a step.</summary>
    public static FieldSet OfPart(string step, JsonNode? part, Shape shape)
    {
        FieldSet set = Of(part, shape);
        // An entry of a list is owned besides its fields, so that it goes when its owner drops it.
        set.Member |= step[0] == 'k';
        return set;
    }

    /// <summary>Puts what lies behind a step into the set.</summary>
    public void Add(string step, FieldSet inner)
    {
        if (!inner.IsEmpty)
            _steps[step] = inner;
    }

    /// <summary>The parts of a value with the steps to them.</summary>
    public static IEnumerable<(string Step, JsonNode? Part, Shape Shape)> Parts(JsonNode? value, Shape shape) => value switch
    {
        JsonObject map => map.Select(field => ($"f:{field.Key}", field.Value, shape.Field(field.Key))),
        JsonArray list when shape.IsSet => list.Select(entry => ($"v:{entry?.ToJsonString()}", entry, Shape.Plain)),
        JsonArray list => list.Select(entry => (StepTo(entry, shape), entry, shape.Entry)),
        _ => [],
    };

    /// <summary>The step to an entry of a list that is a map.</summary>
    public static string StepTo(JsonNode? entry, Shape shape)
    {
        JsonObject keys = [];
        foreach (string key in shape.Keys)
        {
            if (Shape.KeyOf(entry, key) is { } value)
                keys[key] = value.DeepClone();
        }

        return $"k:{keys.ToJsonString()}";
    }

    /// <summary>Reads FieldsV1.</summary>
    public static FieldSet Parse(JsonNode? fields)
    {
        FieldSet set = new();
        if (fields is not JsonObject map)
            return set;
        set.Member = map.Count == 0;
        foreach ((string step, JsonNode? inner) in map)
        {
            if (step == ".")
                set.Member = true;
            else
                set._steps[step] = Parse(inner);
        }

        return set;
    }

    /// <summary>As FieldsV1.</summary>
    public JsonObject ToJson()
    {
        JsonObject map = [];
        if (Member && _steps.Count > 0)
            map["."] = new JsonObject();
        foreach ((string step, FieldSet inner) in _steps)
            map[step] = inner.ToJson();
        return map;
    }

    /// <summary>What is in either.</summary>
    public FieldSet Union(FieldSet other) => Combine(other, static (a, b) => a || b, keepsLeft: true, keepsRight: true);

    /// <summary>What is in both.</summary>
    public FieldSet Intersect(FieldSet other) => Combine(other, static (a, b) => a && b, keepsLeft: false, keepsRight: false);

    /// <summary>What is in this and not in the other.</summary>
    public FieldSet Except(FieldSet other) => Combine(other, static (a, b) => a && !b, keepsLeft: true, keepsRight: false);

    /// <summary>Only what lies behind steps that pass.</summary>
    public FieldSet Where(Func<string, bool> passes)
    {
        FieldSet set = new() { Member = Member };
        foreach ((string step, FieldSet inner) in _steps)
        {
            if (passes(step))
                set._steps[step] = inner;
        }

        return set;
    }

    /// <summary>The same without what lies behind one step's steps that do not pass.</summary>
    public FieldSet Where(string step, Func<string, bool> passes)
    {
        FieldSet set = Where(static _ => true);
        if (_steps.TryGetValue(step, out FieldSet? inner))
            set.Replace(step, inner.Where(passes));
        return set;
    }

    /// <summary>The fields in the set as people read them: <c>.spec.ports[port=80,protocol="TCP"].name</c>.</summary>
    public IEnumerable<string> Paths(string prefix = "")
    {
        if (Member)
            yield return prefix;
        foreach ((string step, FieldSet inner) in _steps)
        {
            foreach (string path in inner.Paths(prefix + Readable(step)))
                yield return path;
        }
    }

    private static string Readable(string step) => step[0] switch
    {
        'f' => $".{step[2..]}",
        'v' => $"[={step[2..]}]",
        _ => $"[{string.Join(',', JsonNode.Parse(step[2..])!.AsObject().Select(key => $"{key.Key}={JsonSerializer.Serialize(key.Value)}"))}]",
    };

    private FieldSet Combine(FieldSet other, Func<bool, bool, bool> member, bool keepsLeft, bool keepsRight)
    {
        FieldSet set = new() { Member = member(Member, other.Member) };
        foreach ((string step, FieldSet inner) in _steps)
        {
            if (other._steps.TryGetValue(step, out FieldSet? theirs))
                set.Replace(step, inner.Combine(theirs, member, keepsLeft, keepsRight));
            else if (keepsLeft)
                set._steps[step] = inner;
        }

        if (!keepsRight)
            return set;
        foreach ((string step, FieldSet theirs) in other._steps)
            set._steps.TryAdd(step, theirs);
        return set;
    }

    private void Replace(string step, FieldSet inner)
    {
        if (inner.IsEmpty)
            _steps.Remove(step);
        else
            _steps[step] = inner;
    }
}

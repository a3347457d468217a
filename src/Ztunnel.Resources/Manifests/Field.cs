using System.Collections.Frozen;
using System.Globalization;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// A field of an object being read: its value if it is there, its path, and typed ways to take it. Whatever does not fit is
/// a problem of the <see cref="ObjectReading"/>, and the value is then taken as absent, so that reading goes on and finds
/// every mistake of an object. It remembers what it was asked for: <see cref="CheckNames"/> finds the fields that nobody
/// asked for, which are most likely misspelt.
/// </summary>
internal sealed class Field
{
    private readonly ObjectReading _reading;
    private readonly Field? _parent;
    private readonly string _name;
    private readonly YamlNode? _node;

    private Dictionary<string, Field>? _asked;
    private Field[]? _items;
    private (string Name, Field Value)[]? _entries;
    private IReadOnlySet<string> _also = FrozenSet<string>.Empty;
    private UnknownFields? _unknown;

    public Field(ObjectReading reading, YamlNode root)
        : this(reading, null, "", root)
    {
    }

    private Field(ObjectReading reading, Field? parent, string name, YamlNode? node)
    {
        _reading = reading;
        _parent = parent;
        _name = name;
        _node = node is YamlScalar { Type: YamlScalarType.Null } ? null : node;
        Place = node ?? parent!.Place;
    }

    public bool Present => _node is not null;

    /// <summary>Whether the value is a string, not a number or the like.</summary>
    public bool IsText => _node is YamlScalar { Type: YamlScalarType.String };

    /// <summary>Whether the object is from an API server.</summary>
    public bool IsServed => _reading.IsServed;

    /// <summary>Whether it is a list without items.</summary>
    public bool IsEmptyList => _node is YamlSequence { Items.Count: 0 };

    /// <summary>Where to point when something is wrong: the value, or what it is missing from.</summary>
    public YamlNode Place { get; }

    public string Path
    {
        get
        {
            if (_parent is null)
                return "";
            string parent = _parent.Path;
            return parent.Length == 0 || _name.StartsWith('[') ? parent + _name : $"{parent}.{_name}";
        }
    }

    /// <summary>The field of that name in this one, which is to be a mapping.</summary>
    public Field this[string name]
    {
        get
        {
            _asked ??= new Dictionary<string, Field>(StringComparer.Ordinal);
            if (!_asked.TryGetValue(name, out Field? field))
                _asked.Add(name, field = new Field(_reading, this, name, Mapping()?.Find(name)));
            return field;
        }
    }

    /// <summary>Names, for <see cref="Also"/>.</summary>
    public static IReadOnlySet<string> Names(params string[] names) => names.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Says which fields there may be beside those that are asked for, although nobody needs them. Gives this field.</summary>
    public Field Also(IReadOnlySet<string> names)
    {
        _also = _also.Count == 0 ? names : names.Union(_also, StringComparer.Ordinal).ToFrozenSet(StringComparer.Ordinal);
        return this;
    }

    /// <summary>Says what becomes of unknown fields here and below, where that is not as it is around it. Gives this field.</summary>
    public Field Unknown(UnknownFields unknown)
    {
        _unknown = unknown;
        return this;
    }

    public void Problem(string message) => _reading.Problem(Place, _parent is null ? null : Path, message);

    /// <summary>The items of a list, each a field of its own; none when it is absent.</summary>
    public IEnumerable<Field> Items()
    {
        switch (_node)
        {
            case null:
                return [];
            case YamlSequence list:
                return _items ??= ItemsOf(list);
            default:
                Expected("a list");
                return [];
        }
    }

    public string? Text()
    {
        switch (_node)
        {
            case null:
                return null;
            case YamlScalar { Type: YamlScalarType.String } scalar:
                return scalar.Value;
            case YamlScalar:
                Problem($"expected a string, got {Describe()}; put it in quotes");
                return null;
            default:
                Expected("a string");
                return null;
        }
    }

    /// <summary>A text by a rule that says what is wrong with it.</summary>
    public string? Text(Func<string, string?> fault) => Checked(Text(), fault);

    public string? RequiredText(Func<string, string?> fault) => Checked(RequiredText(), fault);

    public string? RequiredText()
    {
        if (Text() is { Length: > 0 } text)
            return text;
        if (_node is null or YamlScalar { Type: YamlScalarType.String, Value: "" })
            Problem("is required");
        return null;
    }

    public bool? Flag()
    {
        if (_node is null)
            return null;
        if (_node is YamlScalar { Type: YamlScalarType.Boolean } scalar)
            return scalar.Value.ToUpperInvariant() is "TRUE" or "YES" or "ON";
        Expected("true or false");
        return null;
    }

    /// <summary>A port number, 1 to 65535.</summary>
    public ushort? PortNumber() => Number(1, ushort.MaxValue, "a number from 1 to 65535") is { } number ? (ushort)number : null;

    public int? Number(int min, int max, string expected)
    {
        if (_node is null)
            return null;
        if (_node is YamlScalar { Type: YamlScalarType.Number } scalar
            && int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number)
            && number >= min
            && number <= max)
        {
            return number;
        }

        Expected(expected);
        return null;
    }

    public IPAddress? Address()
    {
        if (Text() is not { } text)
            return null;
        if (KubernetesSyntax.TryAddress(text) is { } address)
            return address;
        Expected("an IP address");
        return null;
    }

    public IPNetwork? Range()
    {
        if (Text() is not { } text)
            return null;
        if (text.Contains('/', StringComparison.Ordinal) && IPNetwork.TryParse(text, out IPNetwork range))
            return range;
        Expected("an address range such as 10.244.1.0/24");
        return null;
    }

    public DateTimeOffset? Time()
    {
        if (Text() is not { } text)
            return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
            return time;
        Expected("a time such as 2026-01-31T12:00:00Z");
        return null;
    }

    /// <summary>A duration as Gateway API writes them (GEP-2257), such as <c>1h30m</c> or <c>500ms</c>.</summary>
    public TimeSpan? Duration()
    {
        if (Text() is not { } text)
            return null;
        if (GatewayDuration.TryParse(text) is { } duration)
            return duration;
        Expected("a duration such as 1h30m, 10s or 500ms");
        return null;
    }

    /// <summary>One of the words in <paramref name="meanings"/>.</summary>
    public T? OneOf<T>(IReadOnlyDictionary<string, T> meanings)
        where T : struct
    {
        if (Text() is not { } text)
            return null;
        if (meanings.TryGetValue(text, out T meaning))
            return meaning;
        Expected(string.Join(" or ", meanings.Keys));
        return null;
    }

    /// <summary>A map of strings; <paramref name="keep"/> chooses the keys worth keeping, and only those are looked at.</summary>
    public StringMap Strings(Func<string, bool>? keep = null) =>
        new(Entries().Where(entry => keep?.Invoke(entry.Name) ?? true)
            .Select(entry => KeyValuePair.Create(entry.Name, entry.Value.Text() ?? ""))
            .DistinctBy(entry => entry.Key, StringComparer.Ordinal));

    /// <summary>The entries of a mapping whose keys are not names of fields, each value a field of its own.</summary>
    public IEnumerable<(string Name, Field Value)> Entries() =>
        _entries ??= [.. (Mapping()?.Entries ?? []).Select(entry => (entry.Key.Value, new Field(_reading, this, $"[{YamlScalar.Show(entry.Key.Value)}]", entry.Value)))];

    /// <summary>Finds keys given twice, here and in everything below.</summary>
    public void CheckKeys()
    {
        if (_node is YamlMapping mapping)
        {
            var first = new Dictionary<string, YamlScalar>(StringComparer.Ordinal);
            foreach ((YamlScalar key, YamlNode value) in mapping.Entries)
            {
                var field = new Field(_reading, this, YamlScalar.Show(key.Value), value);
                if (!first.TryAdd(key.Value, key))
                    _reading.Problem(key, PathOf(key), $"is given twice, first at line {first[key.Value].Line}");
                field.CheckKeys();
            }
        }
        else if (_node is YamlSequence list)
        {
            foreach (Field item in ItemsOf(list))
                item.CheckKeys();
        }
    }

    /// <summary>
    /// Finds fields that this one does not have: those that nobody asked for, where somebody asked for any, here and in all
    /// that was asked for. To be called when everything has been read.
    /// </summary>
    public void CheckNames(UnknownFields unknown)
    {
        unknown = _unknown ?? unknown;
        if (unknown == UnknownFields.Ignored)
            return;
        if (_asked is not null && _entries is null && _node is YamlMapping mapping)
        {
            foreach (YamlScalar key in mapping.Entries.Select(entry => entry.Key).Where(key => !IsKnown(key.Value)))
                Tell(key, unknown);
        }

        foreach (Field below in (_asked?.Values ?? Enumerable.Empty<Field>()).Concat(_items ?? []).Concat(_entries?.Select(entry => entry.Value) ?? []))
            below.CheckNames(unknown);
    }

    /// <summary>Whether a field here seems to be meant for <paramref name="name"/>, which is not here.</summary>
    public bool Misspells(string name) =>
        !this[name].Present
        && _node is YamlMapping mapping
        && mapping.Entries.Any(entry => !IsKnown(entry.Key.Value) && Spelling.IsNear(entry.Key.Value, name));

    public void Expected(string what) => Problem($"expected {what}, got {Describe()}");

    private bool IsKnown(string name) => _asked?.ContainsKey(name) == true || _also.Contains(name);

    private void Tell(YamlScalar key, UnknownFields unknown)
    {
        if (!_reading.CountUnknown(key))
            return;
        string? path = PathOf(key);
        IEnumerable<string> known = _asked!.Keys.Union(_also, StringComparer.Ordinal);
        if (Spelling.Nearest(key.Value, known) is { } meant)
            _reading.Problem(key, path, $"is not known here; most likely {meant} is meant");
        else if (unknown == UnknownFields.Refused)
            _reading.Problem(key, path, $"is not known here, where there may be {string.Join(", ", known.Order(StringComparer.Ordinal))}");
        else if (unknown == UnknownFields.Remarked && !_reading.HasMistakes)
            _reading.Remark(key, path, "is not known here and is left alone");
    }

    /// <summary>The path of a field here, or of this one where what a slip makes a name of may be what is not to be quoted.</summary>
    private string? PathOf(YamlScalar key) =>
        !_reading.Discreet ? new Field(_reading, this, YamlScalar.Show(key.Value), key).Path : _parent is null ? null : Path;

    private Field[] ItemsOf(YamlSequence list) => [.. list.Items.Select((item, index) => new Field(_reading, this, $"[{index}]", item))];

    private string? Checked(string? text, Func<string, string?> fault)
    {
        if (text is null || fault(text) is not { } wrong)
            return text;
        Problem($"{wrong}, got {Describe()}");
        return null;
    }

    private string Describe() => _node switch
    {
        null => "nothing",
        YamlScalar when _reading.Discreet => "something else",
        _ => _node.Describe(),
    };

    private YamlMapping? Mapping()
    {
        if (_node is not (null or YamlMapping))
            Expected("a mapping");
        return _node as YamlMapping;
    }
}

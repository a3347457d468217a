namespace Ztunnel.Mesh;

/// <summary>Labels, annotations or a label selector: an immutable map of strings, compact, ordered by key, compared by content.</summary>
public sealed class StringMap : IEquatable<StringMap>
{
    /// <summary>The map without entries.</summary>
    public static readonly StringMap Empty = new([]);

    private readonly KeyValuePair<string, string>[] _entries;

    /// <summary>The map of <paramref name="entries"/>, whose keys are to be distinct.</summary>
    public StringMap(IEnumerable<KeyValuePair<string, string>> entries) =>
        _entries = [.. entries.OrderBy(entry => entry.Key, StringComparer.Ordinal)];

    /// <summary>How many entries there are.</summary>
    public int Count => _entries.Length;

    /// <summary>The entries, ordered by key.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Entries => _entries;

    /// <summary>The value of <paramref name="key"/>, or null when there is none.</summary>
    public string? this[string key]
    {
        get
        {
            foreach (ref readonly KeyValuePair<string, string> entry in _entries.AsSpan())
            {
                if (string.Equals(entry.Key, key, StringComparison.Ordinal))
                    return entry.Value;
            }

            return null;
        }
    }

    /// <summary>Whether every entry of <paramref name="selector"/> is here with the same value; so an empty selector matches everything.</summary>
    public bool Matches(StringMap selector)
    {
        ArgumentNullException.ThrowIfNull(selector);
        foreach (ref readonly KeyValuePair<string, string> wanted in selector._entries.AsSpan())
        {
            if (!string.Equals(this[wanted.Key], wanted.Value, StringComparison.Ordinal))
                return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(StringMap? other) =>
        ReferenceEquals(this, other) || (other is not null && _entries.AsSpan().SequenceEqual(other._entries));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as StringMap);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (KeyValuePair<string, string> entry in _entries)
            hash.Add(entry);
        return hash.ToHashCode();
    }

    /// <summary>The entries as <c>a=1,b=2</c>.</summary>
    public override string ToString() => string.Join(',', _entries.Select(entry => $"{entry.Key}={entry.Value}"));
}

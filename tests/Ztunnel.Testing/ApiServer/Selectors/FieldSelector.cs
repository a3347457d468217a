using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>
/// A field selector as queries carry it: <c>path=value</c>, <c>path==value</c> and <c>path!=value</c> joined by commas. A kind has a
/// few fields that may be named; the name and the namespace are always among them.
/// </summary>
internal sealed class FieldSelector
{
    /// <summary>Selects everything.</summary>
    public static readonly FieldSelector Everything = new([]);

    private const int NameField = -1;
    private const int NamespaceField = -2;

    private readonly ImmutableArray<(int Field, bool Equal, string Value)> _terms;

    private FieldSelector(ImmutableArray<(int Field, bool Equal, string Value)> terms) => _terms = terms;

    /// <summary>The first selectable field that must have one value.</summary>
    public (int Field, string Value)? Pinned => _terms.Where(term => term is { Equal: true, Field: >= 0 })
        .Select(term => ((int, string)?)(term.Field, term.Value))
        .FirstOrDefault();

    /// <summary>The name that it asks for; null where it asks for none.</summary>
    public string? PinnedName => _terms.Where(term => term is { Equal: true, Field: NameField }).Select(term => term.Value).FirstOrDefault();

    /// <summary>Reads a selector; throws <see cref="FormatException"/> for what it is not or for a field the kind does not offer.</summary>
    public static FieldSelector Parse(string? text, ResourceKind kind)
    {
        if (string.IsNullOrEmpty(text))
            return Everything;
        return new FieldSelector([.. text.Split(',').Where(term => term.Length > 0).Select(term => Read(term, kind))]);
    }

    /// <summary>Whether it selects an object.</summary>
    public bool Matches(StoredObject value)
    {
        foreach ((int field, bool equal, string wanted) in _terms)
        {
            string found = field switch { NameField => value.Name, NamespaceField => value.Namespace, _ => value.Fields[field] };
            if (found == wanted != equal)
                return false;
        }

        return true;
    }

    private static (int Field, bool Equal, string Value) Read(string term, ResourceKind kind)
    {
        int at = term.IndexOf('=', StringComparison.Ordinal);
        if (at <= 0)
            throw new FormatException($"invalid selector: '{term}'; can't understand '{term}'");
        bool equal = term[at - 1] != '!';
        string path = term[..(equal ? at : at - 1)].Trim();
        string value = term[(at + 1)..].TrimStart('=');
        int field = path switch
        {
            "metadata.name" => NameField,
            "metadata.namespace" => NamespaceField,
            _ => kind.SelectableFields.IndexOf(path),
        };
        if (field == -1 && path != "metadata.name")
            throw new FormatException($"field label not supported: {path}");
        return (field, equal, value);
    }
}

using System.Text.RegularExpressions;

namespace Ztunnel.Mesh;

/// <summary>What a value of a request has to be: a text exactly, or one that a regular expression fits as a whole.</summary>
public sealed record ValueMatch
{
    private readonly Regex? _regex;

    private ValueMatch(string value, Regex? regex)
    {
        Value = value;
        _regex = regex;
    }

    /// <summary>The text, or the regular expression.</summary>
    public string Value { get; }

    /// <summary>Whether <see cref="Value"/> is a regular expression.</summary>
    public bool Regular => _regex is not null;

    /// <summary>That text, case minded.</summary>
    public static ValueMatch Exact(string value) => new(value, null);

    /// <summary>
    /// A regular expression, run in time linear in the text. Throws <see cref="ArgumentException"/> or
    /// <see cref="NotSupportedException"/> for one that is none, or that needs backtracking.
    /// </summary>
    public static ValueMatch Expression(string pattern) =>
        new(pattern, new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));

    /// <summary>Whether <paramref name="text"/> fits.</summary>
    public bool Matches(ReadOnlySpan<char> text) => _regex?.IsMatch(text) ?? text.SequenceEqual(Value);

    /// <summary>Whether both ask for the same.</summary>
    public bool Equals(ValueMatch? other) =>
        other is not null && Regular == other.Regular && string.Equals(Value, other.Value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => Value.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Regular ? $"~{Value}" : Value;
}

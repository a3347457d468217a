using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Ztunnel.Testing.Api;

/// <summary>
/// A label selector as queries carry it: <c>a=b</c>, <c>a==b</c>, <c>a!=b</c>, <c>a in (x,y)</c>, <c>a notin (x,y)</c>, <c>a</c>,
/// <c>!a</c>, <c>a&gt;1</c>, <c>a&lt;1</c>, joined by commas. The rules are those of Kubernetes' labels: <c>!=</c> and <c>notin</c> hold
/// where the label is missing.
/// </summary>
internal sealed class LabelSelector
{
    /// <summary>Selects everything.</summary>
    public static readonly LabelSelector Everything = new([]);

    private readonly ImmutableArray<Requirement> _requirements;

    private LabelSelector(ImmutableArray<Requirement> requirements) => _requirements = requirements;

    private enum Operator
    {
        In,
        NotIn,
        Exists,
        Missing,
        Greater,
        Less,
    }

    /// <summary>Reads a selector; throws <see cref="FormatException"/> when it is not one.</summary>
    public static LabelSelector Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return Everything;
        return new LabelSelector([.. Split(text).Select(Read)]);
    }

    /// <summary>Whether it selects an object with these labels.</summary>
    public bool Matches(KeyValuePair<string, string>[] labels)
    {
        foreach (Requirement requirement in _requirements)
        {
            if (!requirement.Holds(labels))
                return false;
        }

        return true;
    }

    // At commas outside of parentheses.
    private static IEnumerable<string> Split(string text)
    {
        StringBuilder part = new();
        int depth = 0;
        foreach (char c in text)
        {
            depth += c switch { '(' => 1, ')' => -1, _ => 0 };
            if (c == ',' && depth == 0)
            {
                yield return part.ToString();
                part.Clear();
                continue;
            }

            part.Append(c);
        }

        yield return part.ToString();
    }

    private static Requirement Read(string text)
    {
        string part = text.Trim();
        if (part.EndsWith(')'))
        {
            int open = part.IndexOf('(', StringComparison.Ordinal);
            string[] words = open < 0 ? [] : part[..open].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words is not [var key, "in" or "notin"])
                throw Bad(text);
            string[] values = [.. part[(open + 1)..^1].Split(',').Select(value => Value(value.Trim(), text))];
            return new Requirement(Key(key, text), words[1] == "in" ? Operator.In : Operator.NotIn, values);
        }

        foreach ((string sign, Operator kind) in Signs)
        {
            int at = part.IndexOf(sign, StringComparison.Ordinal);
            if (at > 0)
                return new Requirement(Key(part[..at].Trim(), text), kind, [Value(part[(at + sign.Length)..].Trim(), text)]);
        }

        return part.StartsWith('!')
            ? new Requirement(Key(part[1..].Trim(), text), Operator.Missing, [])
            : new Requirement(Key(part, text), Operator.Exists, []);
    }

    private static readonly (string Sign, Operator Kind)[] Signs =
    [
        ("!=", Operator.NotIn), ("==", Operator.In), ("=", Operator.In), (">", Operator.Greater), ("<", Operator.Less),
    ];

    private static string Key(string key, string text) => Names.IsQualifiedName(key) ? key : throw Bad(text);

    private static string Value(string value, string text) => Names.IsLabelValue(value) ? value : throw Bad(text);

    private static FormatException Bad(string text) => new($"unable to parse requirement: \"{text.Trim()}\"");

    private sealed record Requirement(string Key, Operator Kind, string[] Values)
    {
        public bool Holds(KeyValuePair<string, string>[] labels)
        {
            string? value = null;
            foreach ((string key, string found) in labels)
            {
                if (key == Key)
                    value = found;
            }

            return Kind switch
            {
                Operator.In => value is not null && Values.Contains(value),
                Operator.NotIn => value is null || !Values.Contains(value),
                Operator.Exists => value is not null,
                Operator.Missing => value is null,
                Operator.Greater => Compare(value) > 0,
                _ => Compare(value) < 0,
            };
        }

        private int Compare(string? value) =>
            long.TryParse(value, CultureInfo.InvariantCulture, out long number)
            && long.TryParse(Values[0], CultureInfo.InvariantCulture, out long bound)
                ? number.CompareTo(bound)
                : 0;
    }
}

using System.Text.RegularExpressions;

namespace Ztunnel.Resources;

/// <summary>Writes a label into an object's text.</summary>
internal static partial class LabelEdit
{
    private const string Step = "  ";

    /// <summary>The text with the label set; null when there is no safe place for it.</summary>
    public static string? Set(string text, ObjectKey key, string label, string value)
    {
        if (DocumentEdit.Find(text, key) is not { } root || new Field(new ObjectReading(""), root)["metadata"].Place is not YamlMapping { Entries.Count: > 0 } metadata)
            return null;
        string[] lines = text.Split('\n');
        return metadata.Find("labels") switch
        {
            null => Insert(lines, metadata, $"\"labels\": {{\"{label}\": \"{value}\"}}", ["labels:", $"{Step}{label}: {value}"]),
            YamlMapping labels when labels.Find(label) is YamlScalar old => Overwrite(lines, old, value),
            YamlMapping { Entries.Count: > 0 } labels => Insert(lines, labels, $"\"{label}\": \"{value}\"", [$"{label}: {value}"]),
            YamlMapping empty => Fill(lines, empty, $"{{\"{label}\": \"{value}\"}}"),
            _ => null,
        };
    }

    /// <summary>Before the mapping's first entry: in lines of their own where that begins a line, and else as <paramref name="inline"/>.</summary>
    private static string? Insert(string[] lines, YamlMapping mapping, string inline, IEnumerable<string> block)
    {
        YamlScalar first = mapping.Entries[0].Key;
        int at = first.Line - 1, column = first.Column - 1;
        string indentation = lines[at][..column];
        if (string.IsNullOrWhiteSpace(indentation) && mapping.Line == first.Line && mapping.Column == first.Column)
            return string.Join('\n', [.. lines[..at], .. block.Select(line => indentation + line), .. lines[at..]]);
        lines[at] = $"{indentation}{inline}, {lines[at][column..]}";
        return string.Join('\n', lines);
    }

    private static string? Overwrite(string[] lines, YamlScalar old, string value)
    {
        int at = old.Line - 1, column = old.Column - 1;
        string rest = lines[at][column..];
        Match written = ValuePattern().Match(rest);
        if (!written.Success)
            return null;
        lines[at] = $"{lines[at][..column]}\"{value}\"{rest[written.Length..]}";
        return string.Join('\n', lines);
    }

    private static string? Fill(string[] lines, YamlMapping empty, string inline)
    {
        int at = empty.Line - 1, column = empty.Column - 1;
        if (!lines[at].AsSpan(column).StartsWith("{}"))
            return null;
        lines[at] = $"{lines[at][..column]}{inline}{lines[at][(column + 2)..]}";
        return string.Join('\n', lines);
    }

    [GeneratedRegex("""\A("[^"]*"|'[^']*'|[A-Za-z0-9][A-Za-z0-9._-]*)""", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ValuePattern();
}

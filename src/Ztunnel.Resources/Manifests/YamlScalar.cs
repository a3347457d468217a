using System.Text.RegularExpressions;

namespace Ztunnel.Resources;

/// <summary>A YAML scalar: its text, and what kind of value the text stands for by the rules Kubernetes reads YAML by.</summary>
internal sealed partial class YamlScalar(int line, int column, string value, bool plain) : YamlNode(line, column)
{
    private const int MaxShown = 60;

    public string Value { get; } = value;

    /// <summary>Whether it stands without quotes, so that its text may be a number and the like.</summary>
    public bool Plain { get; } = plain;

    public YamlScalarType Type { get; } = plain ? TypeOf(value) : YamlScalarType.String;

    public override string Describe() => Type switch
    {
        YamlScalarType.Null => "nothing",
        YamlScalarType.Boolean => $"the boolean {Value}",
        YamlScalarType.Number => $"the number {Show(Value)}",
        _ => $"\"{Show(Value)}\"",
    };

    /// <summary>Text from a manifest as messages show it: short, and in one line of a log whatever it holds.</summary>
    public static string Show(string text)
    {
        string shown = text.Length <= MaxShown ? text : text[..MaxShown] + "...";
        return string.Concat(shown.Select(c => char.IsControl(c) ? ' ' : c));
    }

    private static YamlScalarType TypeOf(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => YamlScalarType.Null,
        "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" => YamlScalarType.Boolean,
        "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" => YamlScalarType.Boolean,
        _ => NumberPattern().IsMatch(text) ? YamlScalarType.Number : YamlScalarType.String,
    };

    [GeneratedRegex(@"^[-+]?(0x[0-9a-fA-F_]+|0b[01_]+|0o?[0-7_]+|(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))$|^\.(nan|NaN|NAN)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NumberPattern();
}

/// <summary>What a scalar's text stands for.</summary>
internal enum YamlScalarType
{
    /// <summary>Nothing: the field is as good as absent.</summary>
    Null,

    /// <summary>true or false.</summary>
    Boolean,

    /// <summary>A number.</summary>
    Number,

    /// <summary>Text.</summary>
    String,
}

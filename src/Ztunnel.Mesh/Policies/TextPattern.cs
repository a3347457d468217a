using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>
/// A value of a policy that names text: itself, or with one <c>*</c> at its beginning or end, or <c>*</c> alone for any text
/// that is there at all (Istio's exact, suffix, prefix and presence match).
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TextPattern
{
    private readonly string _text;
    private readonly Form _form;

    /// <summary>The pattern that <paramref name="value"/> is. A <c>*</c> anywhere else stands for itself; <see cref="Fault"/> finds it.</summary>
    public TextPattern(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        (_text, _form) = value switch
        {
            "*" => ("", Form.Presence),
            ['*', ..] => (value[1..], Form.Suffix),
            [.., '*'] => (value[..^1], Form.Prefix),
            _ => (value, Form.Exact),
        };
    }

    private TextPattern(string text, Form form)
    {
        _text = text;
        _form = form;
    }

    private enum Form
    {
        Exact,
        Prefix,
        Suffix,
        Presence,
    }

    /// <summary>What is wrong with a value that is to be a pattern; null if nothing.</summary>
    public static string? Fault(string value) => new TextPattern(value) switch
    {
        { _form: Form.Presence } => null,
        { _text: "" } => "must not be empty",
        { _text: var text } when text.Contains('*', StringComparison.Ordinal) => "may have one *, at its beginning or its end",
        _ => null,
    };

    /// <summary>Whether <paramref name="text"/> fits; an empty text fits nothing. Allocates nothing.</summary>
    public bool Matches(ReadOnlySpan<char> text) => Fits(text, StringComparison.Ordinal);

    /// <summary>The same without regard to the case of letters.</summary>
    public bool MatchesInAnyCase(ReadOnlySpan<char> text) => Fits(text, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is <c>*</c> alone.</summary>
    internal bool IsPresence => _form == Form.Presence;

    /// <summary>The pattern of the same form with its text changed.</summary>
    internal TextPattern With(Func<string, string> change) => new(change(_text), _form);

    /// <summary>The value it was made of.</summary>
    public override string ToString() => _form switch
    {
        Form.Prefix => $"{_text}*",
        Form.Suffix => $"*{_text}",
        Form.Presence => "*",
        _ => _text,
    };

    private bool Fits(ReadOnlySpan<char> text, StringComparison comparison) => !text.IsEmpty && _form switch
    {
        Form.Exact => text.Equals(_text, comparison),
        Form.Prefix => text.StartsWith(_text, comparison),
        Form.Suffix => text.EndsWith(_text, comparison),
        _ => true,
    };
}

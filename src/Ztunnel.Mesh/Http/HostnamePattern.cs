using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>
/// A hostname of a listener or route (Gateway API): one name, a wildcard such as <c>*.example.com</c> for one or more labels
/// before a name, or any. Case does not matter. The default value stands for any.
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct HostnamePattern
{
    private readonly string? _text;

    private HostnamePattern(string? text) => _text = text;

    /// <summary>The pattern of <paramref name="hostname"/>; null, empty and <c>*</c> are any.</summary>
    public static HostnamePattern Of(string? hostname) =>
        string.IsNullOrEmpty(hostname) || hostname == "*" ? default : new HostnamePattern(hostname.ToLowerInvariant());

    /// <summary>Whether every host fits.</summary>
    public bool IsAny => _text is null;

    /// <summary>Whether it begins with <c>*.</c>.</summary>
    public bool IsWildcard => _text is ['*', ..];

    /// <summary>How specific it is: an exact name more than any wildcard, of each the longer more, and any least.</summary>
    internal int Specificity => _text is null ? 0 : IsWildcard ? _text.Length : ExactSpecificity + _text.Length;

    private const int ExactSpecificity = 1 << 16;

    /// <summary>Whether a host without port fits. Allocates nothing.</summary>
    public bool Matches(ReadOnlySpan<char> host)
    {
        if (_text is null)
            return true;
        if (!IsWildcard)
            return host.Equals(_text, StringComparison.OrdinalIgnoreCase);
        ReadOnlySpan<char> suffix = _text.AsSpan(1);
        return host.Length > suffix.Length && host.EndsWith(suffix, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>The hosts that fit both: the narrower of two of which one holds the other; null where none does.</summary>
    public HostnamePattern? Intersect(HostnamePattern other)
    {
        if (Includes(other))
            return other;
        return other.Includes(this) ? this : null;
    }

    /// <summary>The pattern as it is written; <c>*</c> for any.</summary>
    public override string ToString() => _text ?? "*";

    /// <summary>Whether every host that fits <paramref name="other"/> fits this.</summary>
    private bool Includes(HostnamePattern other) =>
        _text is null
        || this == other
        || (IsWildcard && other._text is { } text && text.Length >= _text.Length && text.EndsWith(_text[1..], StringComparison.Ordinal));
}

using System.Text.RegularExpressions;

namespace Ztunnel.Testing.Api;

/// <summary>The syntax of names, label keys and label values (RFC 1123 and Kubernetes' rules over it).</summary>
internal static partial class Names
{
    /// <summary>Whether it is lower-case letters, digits, dots and dashes, at most 253, as most names are.</summary>
    public static bool IsSubdomain(string text) => text.Length is > 0 and <= 253 && Subdomain().IsMatch(text);

    /// <summary>Whether it is one label of a DNS name: at most 63 lower-case letters, digits and dashes.</summary>
    public static bool IsLabel(string text) => text.Length is > 0 and <= 63 && Label().IsMatch(text);

    /// <summary>Whether it is a label that begins with a letter, as names of services do (RFC 1035).</summary>
    public static bool IsServiceName(string text) => IsLabel(text) && char.IsAsciiLetterLower(text[0]);

    /// <summary>Whether it is a label key: an optional DNS prefix and a slash, and a name of at most 63.</summary>
    public static bool IsQualifiedName(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string name = text[(slash + 1)..];
        return (slash < 0 || IsSubdomain(text[..slash])) && name.Length is > 0 and <= 63 && Word().IsMatch(name);
    }

    /// <summary>Whether it is a label value: empty, or at most 63 letters, digits, dots, dashes and underscores.</summary>
    public static bool IsLabelValue(string text) => text.Length == 0 || (text.Length <= 63 && Word().IsMatch(text));

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Subdomain();

    [GeneratedRegex("^[a-z0-9]([-a-z0-9]*[a-z0-9])?\\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Label();

    [GeneratedRegex("^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\\z", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Word();
}

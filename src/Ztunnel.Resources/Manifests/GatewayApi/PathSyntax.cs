namespace Ztunnel.Resources;

/// <summary>What the paths of routes may look like (the validation rules of Gateway API's CRDs).</summary>
internal static class PathSyntax
{
    private const int MaxLength = 1024;
    private const string OtherCharacters = "-._~!$&'()*+,;=:@/%";

    private static readonly string[] Forbidden = ["//", "/./", "/../", "%2f", "%2F", "#"];

    /// <summary>What is wrong with the value of a path match; null if nothing.</summary>
    public static string? Fault(string path)
    {
        if (!path.StartsWith('/'))
            return "must begin with /";
        if (path.Length > MaxLength)
            return $"may be at most {MaxLength} characters long";
        if (Array.Find(Forbidden, part => path.Contains(part, StringComparison.Ordinal)) is { } found)
            return $"may not contain {found}";
        if (path.EndsWith("/..", StringComparison.Ordinal) || path.EndsWith("/.", StringComparison.Ordinal))
            return "may not end with /.. or /.";
        return path.All(c => char.IsAsciiLetterOrDigit(c) || OtherCharacters.Contains(c, StringComparison.Ordinal))
            ? null
            : "may hold only the characters of a path";
    }
}

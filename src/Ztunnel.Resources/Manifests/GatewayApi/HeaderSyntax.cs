using System.Buffers;

namespace Ztunnel.Resources;

/// <summary>What headers may look like (RFC 9110 sections 5.1 and 5.5), so that nothing written into a message ends it early.</summary>
internal static class HeaderSyntax
{
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>What is wrong with a header's name; null if nothing.</summary>
    public static string? NameFault(string name) => name.AsSpan().ContainsAnyExcept(Token) ? "is not the name of a header" : null;

    /// <summary>What is wrong with text that becomes part of a header; null if nothing.</summary>
    public static string? ValueFault(string value) => value.Any(c => char.IsControl(c) && c != '\t') ? "may not hold control characters" : null;
}

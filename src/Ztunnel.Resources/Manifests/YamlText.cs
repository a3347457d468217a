using YamlDotNet.Core;

namespace Ztunnel.Resources;

/// <summary>
/// Takes a text apart into YAML documents and reads each by itself, so that a mistake in one costs only that one. JSON is
/// read as the YAML it is.
/// </summary>
internal static class YamlText
{
    /// <summary>The documents of <paramref name="text"/> in order; those that are empty or only comments are left out.</summary>
    public static IEnumerable<YamlDocument> Read(string text)
    {
        foreach ((string part, int linesBefore) in Split(text.TrimStart('\ufeff')))
        {
            YamlDocument document = ReadDocument(part, linesBefore);
            if (document.Root is not (null or YamlScalar { Type: YamlScalarType.Null }) || document.Fault is not null)
                yield return document;
        }
    }

    /// <summary>
    /// A line that begins with <c>---</c> begins a document and one that begins with <c>...</c> ends it, even inside a scalar
    /// (YAML 1.2 section 9.1.2), so no parsing is needed to find them. Directives belong to the document they stand before.
    /// </summary>
    public static IEnumerable<(string Part, int LinesBefore)> Split(string text)
    {
        int start = 0, startLine = 0, line = 0;
        bool hasContent = false;
        for (int at = 0; at < text.Length; line++)
        {
            int end = text.IndexOf('\n', at);
            int next = end < 0 ? text.Length : end + 1;
            bool begins = IsMarker(text.AsSpan(at, next - at), "---");
            if (begins && hasContent)
            {
                yield return (text[start..at], startLine);
                (start, startLine) = (at, line);
            }

            if (IsMarker(text.AsSpan(at, next - at), "..."))
            {
                yield return (text[start..at], startLine);
                (start, startLine, hasContent) = (next, line + 1, false);
            }
            else
            {
                hasContent |= begins || !IsDirectiveOrBlank(text.AsSpan(at, next - at));
            }

            at = next;
        }

        yield return (text[start..], startLine);
    }

    private static bool IsMarker(ReadOnlySpan<char> line, string marker) =>
        line.StartsWith(marker, StringComparison.Ordinal) && (line.Length == marker.Length || char.IsWhiteSpace(line[marker.Length]));

    private static bool IsDirectiveOrBlank(ReadOnlySpan<char> line) => line.IsWhiteSpace() || line[0] is '%' or '#';

    private static YamlDocument ReadDocument(string part, int linesBefore)
    {
        var builder = new YamlTreeBuilder(part, linesBefore);
        try
        {
            return new YamlDocument(builder.Build(), null);
        }
        catch (YamlFaultException fault)
        {
            return new YamlDocument(null, fault.Fault);
        }
        catch (YamlException error)
        {
            return new YamlDocument(null, FaultOf(error, part, linesBefore));
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException or ArithmeticException or FormatException or IndexOutOfRangeException)
        {
            // The parser does not put all it stumbles over into exceptions of its own.
            return new YamlDocument(null, new YamlFault(builder.Line, 0, "not valid YAML at or after this line"));
        }
    }

    private static YamlFault FaultOf(YamlException error, string part, int linesBefore)
    {
        int line = (int)error.Start.Line, column = (int)error.Start.Column;
        // The commonest mistake of all, which the parser reports at the mapping's beginning.
        if (TabIndentedLine(part, line) is { } tabbed && error.Message.Contains("tab", StringComparison.OrdinalIgnoreCase))
            return new YamlFault(linesBefore + tabbed, 1, "not valid YAML: a line is indented with a tab; only spaces may be used");
        return new YamlFault(linesBefore + line, column, $"not valid YAML: {error.Message.TrimEnd('.').Replace('\n', ' ')}");
    }

    private static int? TabIndentedLine(string part, int from)
    {
        string[] lines = part.Split('\n');
        for (int line = from; line <= lines.Length; line++)
        {
            if (lines[line - 1].AsSpan().TrimStart(' ').StartsWith("\t", StringComparison.Ordinal))
                return line;
        }

        return null;
    }
}

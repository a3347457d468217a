using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// A value of <c>paths</c>: a <see cref="TextPattern"/>, or a template in which <c>{*}</c> stands for one segment and, at the
/// end of it, <c>{**}</c> for any number of them (istio.io, Authorization Policy, Operation). Encoding does not count: it is
/// compared decoded, as the path is.
/// </summary>
public sealed class PathPattern
{
    private const string One = "{*}";
    private const string Any = "{**}";

    private readonly Form _kept;
    private readonly Form _decoded;
    private readonly string _value;

    /// <summary>The pattern that <paramref name="value"/> is, which <see cref="Fault"/> finds nothing wrong with.</summary>
    public PathPattern(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        _value = value;
        _kept = Compile(value, text => PathText.Decode(text, PathDecoding.Safe));
        _decoded = Compile(value, text => Canonical(PathText.DecodeFully(text)));
    }

    /// <summary>What is wrong with a value that is to be a pattern of paths; null if nothing.</summary>
    public static string? Fault(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!IsTemplate(value))
            return null;
        string[] segments = value.Split('/');
        if (segments[0].Length > 0)
            return "must begin with a slash, being a template";
        for (int i = 1; i < segments.Length; i++)
        {
            if (segments[i] is not (One or Any) && segments[i].AsSpan().IndexOfAny("{}*") >= 0)
                return $"may have {One}, {Any} or neither in a segment, and no other braces or *";
            if (segments[i] is Any && segments.Skip(i + 1).Any(later => later is One or Any))
                return $"may have {Any} only as the last of its wildcards";
        }

        return null;
    }

    /// <summary>The value it was made of.</summary>
    public override string ToString() => _value;

    /// <summary>Whether the path matches: as it is, or as <paramref name="decoded"/> where that is not null.</summary>
    internal bool Matches(in HttpPath path, string? decoded = null) => decoded is null ? _kept.Matches(path.Kept) : _decoded.Matches(decoded);

    private static bool IsTemplate(string value) =>
        value.Contains(One, StringComparison.Ordinal) || value.Contains(Any, StringComparison.Ordinal);

    private static Form Compile(string value, Func<string, string> decode)
    {
        if (!IsTemplate(value))
            return new Form.Text(new TextPattern(value).With(text => decode(Canonical(text))));
        var pieces = ImmutableArray.CreateBuilder<string>();
        foreach (string piece in Canonical(value.Replace(Any, One, StringComparison.Ordinal)).Split(One))
            pieces.Add(decode(piece));
        return new Form.Template(pieces.DrainToImmutable(), value.Contains(Any, StringComparison.Ordinal));
    }

    /// <summary>As paths are compared: with no slashes in a row, since none are left in those.</summary>
    private static string Canonical(string text) => PathText.MergeSlashes(text.Replace('\\', '/'));

    private abstract class Form
    {
        public abstract bool Matches(ReadOnlySpan<char> path);

        public sealed class Text(TextPattern pattern) : Form
        {
            public override bool Matches(ReadOnlySpan<char> path) => pattern.Matches(path);
        }

        /// <summary>Literal pieces with one segment between each two; between the last two anything, if <paramref name="anyAtEnd"/>.</summary>
        public sealed class Template(ImmutableArray<string> pieces, bool anyAtEnd) : Form
        {
            public override bool Matches(ReadOnlySpan<char> path)
            {
                for (int i = 0; i < pieces.Length; i++)
                {
                    bool last = i == pieces.Length - 1;
                    if (last && anyAtEnd)
                        return path.EndsWith(pieces[i], StringComparison.Ordinal);
                    if (i > 0)
                    {
                        int segment = path.IndexOf('/') is >= 0 and var slash ? slash : path.Length;
                        if (segment == 0)
                            return false;
                        path = path[segment..];
                    }

                    if (!path.StartsWith(pieces[i], StringComparison.Ordinal))
                        return false;
                    path = path[pieces[i].Length..];
                }

                return path.IsEmpty;
            }
        }
    }
}

using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ztunnel.Mesh;

/// <summary>What <see cref="PathText.Decode"/> decodes.</summary>
internal enum PathDecoding
{
    /// <summary>All but slashes, backslashes and percent signs, which would change what the path's parts are.</summary>
    Safe,

    /// <summary>All.</summary>
    All,
}

/// <summary>The steps of normalising a path.</summary>
internal static class PathText
{
    private const int MaxRounds = 5;

    // All that may stand in a plain path: unreserved characters, and what is without meaning in one (RFC 3986 section 3.3).
    private static readonly SearchValues<char> Plain =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,=:@\"<>^`{|}[]");

    /// <summary>Whether a path is normal already and every reading of it is the same.</summary>
    public static bool IsPlain(ReadOnlySpan<char> path) =>
        path is ['/', ..] && !path.ContainsAnyExcept(Plain) && !path.Contains("//", StringComparison.Ordinal) && !HasDotSegment(path);

    /// <summary>Why a path cannot be normalised safely; null where it can.</summary>
    public static string? Fault(ReadOnlySpan<char> path)
    {
        if (path is not ['/' or '\\', ..])
            return "does not begin with a slash";
        for (int i = 0; i < path.Length; i++)
        {
            if (path[i] is <= ' ' or > '~' or '#' or '?')
                return "holds a character that must be encoded";
            if (path[i] != '%')
                continue;
            if (Escaped(path, i) is not { } value)
                return "has a % that encodes nothing";
            if (value == 0)
                return "holds an encoded NUL";
            if (IsOverlong(value, Escaped(path, i + 3)))
                return "holds a character encoded longer than it may be";
        }

        return null;
    }

    /// <summary>Decodes letters, digits and <c>-._~</c>, makes backslashes slashes, and writes what stays encoded in one way.</summary>
    public static string DecodeUnreserved(string path)
    {
        if (path.AsSpan().IndexOfAny('%', '\\') < 0)
            return path;
        var text = new StringBuilder(path.Length);
        for (int i = 0; i < path.Length; i++)
        {
            if (path[i] == '\\')
            {
                text.Append('/');
            }
            else if (path[i] != '%')
            {
                text.Append(path[i]);
            }
            else
            {
                byte value = Escaped(path, i)!.Value;
                if (char.IsAsciiLetterOrDigit((char)value) || value is (byte)'-' or (byte)'.' or (byte)'_' or (byte)'~')
                    text.Append((char)value);
                else
                    text.Append(Encode(value));
                i += 2;
            }
        }

        return text.ToString();
    }

    /// <summary>Makes slashes in a row one and resolves dot segments (RFC 3986 section 5.2.4); what would lead above the root stays at it.</summary>
    public static string Resolve(string path)
    {
        if (!path.Contains("//", StringComparison.Ordinal) && !HasDotSegment(path))
            return path;
        var segments = new List<string>();
        string[] parts = path.Split('/');
        for (int i = 1; i < parts.Length; i++)
        {
            bool last = i == parts.Length - 1;
            if (parts[i] is "..")
            {
                if (segments.Count > 0)
                    segments.RemoveAt(segments.Count - 1);
            }
            else if (parts[i] is not ("." or ""))
            {
                segments.Add(parts[i]);
                continue;
            }

            // The path still names a directory.
            if (last)
                segments.Add("");
        }

        return $"/{string.Join('/', segments)}";
    }

    /// <summary>Whether a path has encoded what changes its parts.</summary>
    public static bool HasAmbiguity(string path) =>
        path.Contains("%2F", StringComparison.Ordinal) || path.Contains("%5C", StringComparison.Ordinal) || path.Contains("%25", StringComparison.Ordinal);

    /// <summary>Decodes once. What is not UTF-8, and a % that encodes nothing, stays as it is.</summary>
    public static string Decode(string path, PathDecoding what)
    {
        if (!path.Contains('%', StringComparison.Ordinal))
            return path;
        var text = new StringBuilder(path.Length);
        Span<byte> bytes = stackalloc byte[4];
        int at = 0;
        while (at < path.Length)
        {
            int count = 0;
            while (count < bytes.Length && Escaped(path, at + (3 * count)) is { } value)
                bytes[count++] = value;
            if (count == 0 || Rune.DecodeFromUtf8(bytes[..count], out Rune rune, out int used) != OperationStatus.Done)
            {
                text.Append(path[at++]);
            }
            else
            {
                bool keep = what == PathDecoding.Safe && rune.Value is ('/' or '\\' or '%');
                text.Append(keep ? Encode((byte)rune.Value) : rune.ToString());
                at += 3 * used;
            }
        }

        return text.ToString();
    }

    /// <summary>
    /// What a path is after each round of decoding, with dot segments resolved after all of them, after each, or not, and with
    /// backslashes taken for slashes or not; null for one that does not come to an end soon, or to a NUL.
    /// </summary>
    public static string[]? Readings(string path)
    {
        var readings = new HashSet<string>(StringComparer.Ordinal);
        return AddReadings(readings, path, DecodeOnce) && AddReadings(readings, path, static text => Decode(text, PathDecoding.All)) ? [.. readings] : null;
    }

    /// <summary>Decodes all there is to decode in a pattern.</summary>
    public static string DecodeFully(string pattern)
    {
        for (int round = 0; round < MaxRounds; round++)
            pattern = DecodeOnce(pattern);
        return pattern;
    }

    /// <summary>Whether a dot segment has parameters, as in <c>/..;a/</c>, which some backends resolve.</summary>
    public static bool HasParameterOnDots(string path) =>
        path.Contains("/.;", StringComparison.Ordinal) || path.Contains("/..;", StringComparison.Ordinal);

    /// <summary>
    /// What a path is where what follows a <c>;</c> in a segment is not looked at, in whatever order a backend does that and
    /// decodes.
    /// </summary>
    public static string[] BareReadings(string path, string[] decoded)
    {
        var whole = new HashSet<string>(decoded, StringComparer.Ordinal);
        for (int round = 0; round < MaxRounds && whole.Add(path); round++)
            path = Decode(path, PathDecoding.All);
        var bare = new HashSet<string>(StringComparer.Ordinal);
        foreach (string reading in whole.Where(reading => reading.Contains(';', StringComparison.Ordinal)))
        {
            string without = string.Join('/', reading.Split('/').Select(segment => segment.IndexOf(';', StringComparison.Ordinal) is >= 0 and var at ? segment[..at] : segment));
            bare.UnionWith([Resolve(without), Resolve(without.Replace('\\', '/'))]);
            bare.UnionWith(Readings(without) ?? []);
        }

        return [.. bare];
    }

    /// <summary>The path with one slash where there are several in a row.</summary>
    public static string MergeSlashes(string path)
    {
        while (path.Contains("//", StringComparison.Ordinal))
            path = path.Replace("//", "/", StringComparison.Ordinal);
        return path;
    }

    private static bool AddReadings(HashSet<string> readings, string path, Func<string, string> decode)
    {
        string unresolved = path, resolved = path;
        for (int round = 0; round < MaxRounds; round++)
        {
            string next = decode(unresolved), nextResolved = Resolve(decode(resolved));
            if (next.Contains('\0', StringComparison.Ordinal))
                return false;
            if (string.Equals(next, unresolved, StringComparison.Ordinal) && string.Equals(nextResolved, resolved, StringComparison.Ordinal))
                return true;
            (unresolved, resolved) = (next, nextResolved);
            readings.UnionWith([unresolved, MergeSlashes(unresolved), Resolve(unresolved), resolved]);
        }

        return false;
    }

    private static string DecodeOnce(string path) => Decode(path, PathDecoding.All).Replace('\\', '/');

    private static string Encode(byte value) => string.Create(CultureInfo.InvariantCulture, $"%{value:X2}");

    private static bool HasDotSegment(ReadOnlySpan<char> path)
    {
        for (int at = path.IndexOf("/.", StringComparison.Ordinal); at >= 0;)
        {
            ReadOnlySpan<char> rest = path[(at + 2)..];
            if (rest is [] or ['/', ..] or ['.'] or ['.', '/', ..])
                return true;
            int next = rest.IndexOf("/.", StringComparison.Ordinal);
            at = next < 0 ? -1 : at + 2 + next;
        }

        return false;
    }

    /// <summary>The byte that the three characters at an index encode; null where they encode none.</summary>
    private static byte? Escaped(ReadOnlySpan<char> path, int at) =>
        at + 2 < path.Length
        && path[at] == '%'
        && byte.TryParse(path.Slice(at + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value)
            ? value
            : null;

    /// <summary>Whether a byte begins a character in more bytes than it needs (RFC 3629 section 3), once a way to hide a slash or a dot.</summary>
    private static bool IsOverlong(byte first, byte? second) =>
        first is 0xC0 or 0xC1 || (first == 0xE0 && second is >= 0x80 and < 0xA0) || (first == 0xF0 && second is >= 0x80 and < 0x90);
}

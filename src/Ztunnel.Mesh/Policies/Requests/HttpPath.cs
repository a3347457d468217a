using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>
/// The path of a request, normalised as policies look at it and as it has to be sent on: what was judged is then what the
/// backend sees. Letters, digits and <c>-._~</c> are decoded, backslashes are slashes, slashes in a row are one, dot segments
/// are resolved (istio.io, Authorization Policy Normalization, MERGE_SLASHES).
/// </summary>
/// <remarks>
/// What a backend makes of an encoded slash, of what is encoded twice or of <c>;parameters</c> nobody here knows. So such a path
/// has more readings than one, and a request is refused when policies refuse any of them.
/// </remarks>
[StructLayout(LayoutKind.Auto)]
public readonly struct HttpPath
{
    private HttpPath(string text, string kept, string[] decoded, string[] bare)
    {
        Text = text;
        Kept = kept;
        Decoded = decoded;
        Bare = bare;
    }

    /// <summary>The normalised path, to be routed by and sent on.</summary>
    public string Text { get; }

    /// <summary>Everything decoded but slashes, backslashes and percent signs.</summary>
    internal string Kept { get; }

    /// <summary>
    /// What a backend may have before it that decodes slashes too, once or more often, and resolves dot segments or does not; none
    /// where all of that is <see cref="Kept"/>.
    /// </summary>
    internal string[] Decoded { get; }

    /// <summary>The same with what follows a <c>;</c> in a segment left out; none where there is none.</summary>
    internal string[] Bare { get; }

    /// <summary>
    /// Normalises <paramref name="path"/>, which is without query; a path that is normal already costs no allocation. False, with
    /// a reason for the log, for one that cannot be normalised safely: that request is to be answered 400.
    /// </summary>
    public static bool TryNormalize(string path, out HttpPath normalized, [NotNullWhen(false)] out string? fault)
    {
        ArgumentNullException.ThrowIfNull(path);
        normalized = default;
        fault = null;
        // What OPTIONS asks of the whole server (RFC 9112 section 3.2.4).
        if (path is "*" || PathText.IsPlain(path))
        {
            normalized = new HttpPath(path, path, [], []);
            return true;
        }

        fault = PathText.Fault(path);
        if (fault is not null)
            return false;
        string text = PathText.Resolve(PathText.DecodeUnreserved(path));
        string kept = PathText.Decode(text, PathDecoding.Safe);
        string[]? decoded = PathText.HasAmbiguity(text) ? PathText.Readings(text) : [];
        if (decoded is null)
            fault = "is encoded more often than can be made sense of, or holds an encoded NUL";
        else if (decoded.Append(text).Append(kept).Any(PathText.HasParameterOnDots))
            fault = "has parameters on a dot segment";
        if (fault is not null)
            return false;
        normalized = new HttpPath(text, kept, decoded!, PathText.BareReadings(text, decoded!));
        return true;
    }
}

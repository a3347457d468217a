using System.Text;

namespace Ztunnel.IO;

/// <summary>Lists of application protocol names as the ALPN extension carries them: each behind its length (RFC 7301).</summary>
internal static class AlpnNames
{
    /// <summary>Writes a list of names.</summary>
    public static byte[] Encode(IReadOnlyList<string> names)
    {
        List<byte> wire = [];
        foreach (string name in names)
        {
            if (name.Length is 0 or > byte.MaxValue || !Ascii.IsValid(name))
                throw new ArgumentException($"An ALPN name has 1 to 255 ASCII characters: '{name}'.", nameof(names));
            wire.Add((byte)name.Length);
            wire.AddRange(Encoding.ASCII.GetBytes(name));
        }

        return [.. wire];
    }

    /// <summary>
    /// Finds the first of our names that the peer offers too: where in <paramref name="offered"/> the name stands, and its
    /// length; false when there is none.
    /// </summary>
    public static bool TrySelect(ReadOnlySpan<byte> ours, ReadOnlySpan<byte> offered, out int start, out int length)
    {
        while (!ours.IsEmpty)
        {
            ReadOnlySpan<byte> name = ours.Slice(1, ours[0]);
            ours = ours[(1 + name.Length)..];
            for (int at = 0; at < offered.Length && at + 1 + offered[at] <= offered.Length; at += 1 + offered[at])
            {
                if (!offered.Slice(at + 1, offered[at]).SequenceEqual(name))
                    continue;
                start = at + 1;
                length = name.Length;
                return true;
            }
        }

        start = length = 0;
        return false;
    }
}

using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Hashes that are the same in every instance of a gateway and after every start. Not against those who mean harm.</summary>
internal static class StableHash
{
    /// <summary>The hash of a text (FNV-1a over its UTF-16 units, then mixed).</summary>
    public static ulong Of(ReadOnlySpan<char> text)
    {
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (char unit in text)
            hash = (hash ^ unit) * 0x0000_0100_0000_01B3;
        return BitMix.Of(hash);
    }

    /// <summary>One number of two, evenly spread.</summary>
    public static ulong Combine(ulong a, ulong b) => BitMix.Of(a ^ BitMix.Of(b + BitMix.Step));
}

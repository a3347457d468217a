namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The static Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). It is canonical, so its code lengths say all of it:
/// codes count upwards through the symbols ordered by length, then by value.
/// </summary>
internal static class HuffmanCode
{
    private const int EndOfString = 256;
    private const int MaxBits = 30;

    // Codes up to this length, nearly all of what headers hold, take one look-up.
    private const int FastBits = 10;

    private static readonly uint[] Codes = new uint[EndOfString + 1];

    // Indexed by the next FastBits bits: length << 8 | symbol, or 0 for a longer code.
    private static readonly ushort[] Fast = new ushort[1 << FastBits];

    // For each length: its first code, how many codes it has, and where their symbols start in Ordered.
    private static readonly uint[] FirstCode = new uint[MaxBits + 1];
    private static readonly ushort[] CodeCount = new ushort[MaxBits + 1];
    private static readonly ushort[] FirstSymbol = new ushort[MaxBits + 1];
    private static readonly ushort[] Ordered = new ushort[EndOfString + 1];

    static HuffmanCode()
    {
        uint code = 0;
        ushort position = 0;
        for (int length = 1; length <= MaxBits; length++)
        {
            code <<= 1;
            FirstCode[length] = code;
            FirstSymbol[length] = position;
            for (ushort symbol = 0; symbol <= EndOfString; symbol++)
            {
                if (Lengths[symbol] != length)
                    continue;
                Codes[symbol] = code;
                Ordered[position++] = symbol;
                if (length <= FastBits)
                    Fast.AsSpan((int)(code << (FastBits - length)), 1 << (FastBits - length)).Fill((ushort)((length << 8) | symbol));
                code++;
            }

            CodeCount[length] = (ushort)(position - FirstSymbol[length]);
        }
    }

    // Appendix B's column "len in bits", by symbol; the last is EOS.
    private static ReadOnlySpan<byte> Lengths =>
    [
        13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
        6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
        13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
        15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
        20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
        22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
        26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
        20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
        30,
    ];

    /// <summary>Bytes <paramref name="text"/> takes when encoded.</summary>
    public static int EncodedLength(ReadOnlySpan<byte> text)
    {
        long bits = 0;
        ReadOnlySpan<byte> lengths = Lengths;
        foreach (byte symbol in text)
            bits += lengths[symbol];
        return (int)((bits + 7) / 8);
    }

    /// <summary>
    /// Encodes into <paramref name="destination"/>, which must hold <see cref="EncodedLength"/>, and returns the length.
    /// </summary>
    public static int Encode(ReadOnlySpan<byte> text, Span<byte> destination)
    {
        ulong bits = 0;
        int count = 0;
        int written = 0;
        foreach (byte symbol in text)
        {
            int length = Lengths[symbol];
            bits = (bits << length) | Codes[symbol];
            count += length;
            while (count >= 8)
            {
                count -= 8;
                destination[written++] = (byte)(bits >> count);
            }
        }

        // Padding is the beginning of EOS: all ones.
        if (count > 0)
            destination[written++] = (byte)((bits << (8 - count)) | (0xffu >> count));
        return written;
    }

    /// <summary>The most bytes <paramref name="encoded"/> bytes can decode to: the shortest code has five bits.</summary>
    public static int MaxDecodedLength(int encoded) => (int)((long)encoded * 8 / 5);

    /// <summary>
    /// Decodes into <paramref name="destination"/>, which must hold <see cref="MaxDecodedLength"/>. Violations: EOS inside, padding
    /// of a byte or more, or padding other than ones.
    /// </summary>
    public static Violation? Decode(ReadOnlySpan<byte> encoded, Span<byte> destination, out int written)
    {
        // The unread bits, from the most significant down; below them are zeros.
        ulong bits = 0;
        int count = 0;
        int read = 0;
        written = 0;
        while (true)
        {
            while (count <= 56 && read < encoded.Length)
            {
                bits |= (ulong)encoded[read++] << (56 - count);
                count += 8;
            }

            int entry = Fast[(int)(bits >> (64 - FastBits))];
            int length = entry >> 8;
            if (length == 0)
                entry = DecodeLong(bits, out length);
            if (length > count)
                return IsPadding(bits, count) ? null : Violations.HuffmanPadding;
            if (entry < 0)
                return Violations.HuffmanEndOfString;
            destination[written++] = (byte)entry;
            bits <<= length;
            count -= length;
        }
    }

    private static bool IsPadding(ulong bits, int count) => count < 8 && bits >> (64 - 8) == (0xff00u >> count & 0xff);

    // The symbol of a code longer than FastBits, or -1 for EOS. The code is complete: every run of bits starts with one.
    private static int DecodeLong(ulong bits, out int length)
    {
        for (length = FastBits + 1; ; length++)
        {
            uint offset = (uint)(bits >> (64 - length)) - FirstCode[length];
            if (offset >= CodeCount[length])
                continue;
            int symbol = Ordered[FirstSymbol[length] + (int)offset];
            return symbol == EndOfString ? -1 : symbol;
        }
    }
}

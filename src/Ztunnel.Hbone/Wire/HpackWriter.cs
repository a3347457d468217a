namespace Ztunnel.Hbone.Wire;

/// <summary>Writes the primitive types of HPACK (RFC 7541 section 5). The destination must be large enough.</summary>
internal ref struct HpackWriter(Span<byte> destination, bool huffman)
{
    /// <summary>The most bytes an integer of 31 bits takes.</summary>
    public const int MaxIntegerLength = 6;

    private readonly Span<byte> _destination = destination;
    private readonly bool _huffman = huffman;

    /// <summary>Bytes written.</summary>
    public int Written { get; private set; }

    /// <summary>
    /// Writes an integer into the low <paramref name="prefixBits"/> bits of a byte that carries <paramref name="pattern"/>
    /// above them.
    /// </summary>
    public void WriteInteger(byte pattern, int prefixBits, int value)
    {
        int prefixMax = (1 << prefixBits) - 1;
        if (value < prefixMax)
        {
            _destination[Written++] = (byte)(pattern | value);
            return;
        }

        _destination[Written++] = (byte)(pattern | prefixMax);
        for (value -= prefixMax; value >= 0x80; value >>= 7)
            _destination[Written++] = (byte)(value | 0x80);
        _destination[Written++] = (byte)value;
    }

    /// <summary>Writes a string literal, Huffman-coded if that is allowed and shorter.</summary>
    public void WriteString(ReadOnlySpan<byte> text)
    {
        int encoded = _huffman ? HuffmanCode.EncodedLength(text) : text.Length;
        if (encoded < text.Length)
        {
            WriteInteger(0x80, 7, encoded);
            Written += HuffmanCode.Encode(text, _destination[Written..]);
        }
        else
        {
            WriteInteger(0, 7, text.Length);
            text.CopyTo(_destination[Written..]);
            Written += text.Length;
        }
    }
}

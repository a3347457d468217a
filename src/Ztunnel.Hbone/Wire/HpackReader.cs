namespace Ztunnel.Hbone.Wire;

/// <summary>Reads the primitive types of HPACK (RFC 7541 section 5) off a field block.</summary>
internal ref struct HpackReader(ReadOnlySpan<byte> block)
{
    // Five continuation bytes carry 35 bits; no integer that means anything here needs more than 31.
    private const int MaxShift = 28;

    private ReadOnlySpan<byte> _rest = block;

    /// <summary>True when the block is used up.</summary>
    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>The next byte, which tells the representation. Not to be asked at the end.</summary>
    public readonly byte Next => _rest[0];

    /// <summary>Reads an integer whose first byte leaves it the low <paramref name="prefixBits"/> bits (section 5.1).</summary>
    public Violation? ReadInteger(int prefixBits, out int value)
    {
        value = 0;
        if (_rest.IsEmpty)
            return Violations.HpackTruncated;
        int prefixMax = (1 << prefixBits) - 1;
        value = _rest[0] & prefixMax;
        if (value < prefixMax)
        {
            _rest = _rest[1..];
            return null;
        }

        long sum = value;
        for (int i = 1, shift = 0; ; i++, shift += 7)
        {
            if (shift > MaxShift)
                return Violations.HpackIntegerTooLarge;
            if (i >= _rest.Length)
                return Violations.HpackTruncated;
            sum += (long)(_rest[i] & 0x7f) << shift;
            if (_rest[i] >= 0x80)
                continue;
            if (sum > int.MaxValue)
                return Violations.HpackIntegerTooLarge;
            value = (int)sum;
            _rest = _rest[(i + 1)..];
            return null;
        }
    }

    /// <summary>Takes a string literal as it is on the wire, Huffman-coded or not (section 5.2).</summary>
    public Violation? ReadString(out ReadOnlySpan<byte> encoded, out bool huffman)
    {
        encoded = default;
        huffman = !_rest.IsEmpty && (_rest[0] & 0x80) != 0;
        if (ReadInteger(7, out int length) is { } violation)
            return violation;
        if (length > _rest.Length)
            return Violations.HpackTruncated;
        encoded = _rest[..length];
        _rest = _rest[length..];
        return null;
    }
}

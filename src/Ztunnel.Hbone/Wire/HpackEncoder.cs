namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The writing half of HPACK (RFC 7541) for one connection. Fields worth repeating (see <see cref="HeaderIndexing"/>) enter
/// the dynamic table, so that a later CONNECT to the same authority takes a few bytes. Allocates nothing once the table has
/// grown to its content.
/// </summary>
public sealed class HpackEncoder
{
    private const int DefaultTableSize = 4096;

    private readonly EncoderTable _table;
    private readonly int _tableSizeCap;
    private readonly bool _huffman;
    private uint _peerTableSize = DefaultTableSize;

    // What the next block must announce: the smallest size since the last block, if that was a reduction, then the one that
    // holds now (RFC 7541 section 4.2).
    private int _announcedSize = DefaultTableSize;
    private int _smallestSize;
    private bool _updateDue;

    /// <summary>Makes an encoder.</summary>
    /// <param name="tableSizeCap">Most bytes of dynamic table to use even if the peer offers more, up to 65,536.</param>
    /// <param name="huffman">Whether strings are Huffman-coded where that is shorter.</param>
    public HpackEncoder(int tableSizeCap = DefaultTableSize, bool huffman = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tableSizeCap);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tableSizeCap, 65_536);
        _tableSizeCap = tableSizeCap;
        _huffman = huffman;
        _smallestSize = Math.Min(tableSizeCap, DefaultTableSize);
        _updateDue = _smallestSize != DefaultTableSize;
        _table = new EncoderTable(tableSizeCap, _smallestSize);
    }

    /// <summary>The dynamic table, for tests.</summary>
    internal DynamicTable Table => _table.Entries;

    /// <summary>
    /// Obeys the peer's SETTINGS_HEADER_TABLE_SIZE; each value in the order received, before they are acknowledged. The change
    /// is announced by the next block.
    /// </summary>
    public void SetPeerTableSize(uint size)
    {
        int usable = (int)Math.Min((uint)_tableSizeCap, size);

        // A reduction must be answered by an update even if we never used as much (RFC 9113 section 4.3.1).
        _updateDue |= size < _peerTableSize || usable != _table.Entries.MaxSize;
        _peerTableSize = size;
        _smallestSize = Math.Min(_smallestSize, usable);
        _table.Entries.SetMaxSize(usable);
    }

    /// <summary>
    /// Encodes one field block and returns its length. Every block must be sent, in this order. <paramref name="destination"/>
    /// must hold at least <see cref="HeaderList.MaxEncodedLength"/>, else <see cref="ArgumentException"/> is thrown.
    /// </summary>
    public int Encode(HeaderList headers, Span<byte> destination)
    {
        ArgumentNullException.ThrowIfNull(headers);
        if (destination.Length < headers.MaxEncodedLength)
            throw new ArgumentException("The destination is smaller than the list's MaxEncodedLength.", nameof(destination));

        var writer = new HpackWriter(destination, _huffman);
        WriteTableSizeUpdates(ref writer);
        for (int i = 0; i < headers.Count; i++)
            WriteField(ref writer, headers[i]);
        return writer.Written;
    }

    private void WriteTableSizeUpdates(ref HpackWriter writer)
    {
        int size = _table.Entries.MaxSize;
        if (_updateDue)
        {
            if (_smallestSize < Math.Min(size, _announcedSize))
                writer.WriteInteger(0x20, 5, _smallestSize);
            writer.WriteInteger(0x20, 5, size);
            _updateDue = false;
        }

        _announcedSize = size;
        _smallestSize = size;
    }

    private void WriteField(ref HpackWriter writer, in HeaderField field)
    {
        HeaderIndexing indexing = field.Indexing;
        if (indexing == HeaderIndexing.Default)
            indexing = KnownHeaders.DefaultIndexing(field.Known);
        if (indexing == HeaderIndexing.Never)
        {
            WriteLiteral(ref writer, 0x10, 4, field, FindName(field));
            return;
        }

        int index = StaticTable.Find(field.Known, field.Value);
        if (index == 0 && indexing == HeaderIndexing.Incremental)
            index = _table.Find(field);
        if (index != 0)
        {
            writer.WriteInteger(0x80, 7, index);
            return;
        }

        int name = FindName(field);
        if (indexing == HeaderIndexing.Incremental && _table.TryInsert(field))
            WriteLiteral(ref writer, 0x40, 6, field, name);
        else
            WriteLiteral(ref writer, 0, 4, field, name);
    }

    private int FindName(in HeaderField field)
    {
        int index = StaticTable.FindName(field.Known);
        return index != 0 ? index : _table.FindName(field);
    }

    private static void WriteLiteral(ref HpackWriter writer, byte pattern, int prefixBits, in HeaderField field, int name)
    {
        writer.WriteInteger(pattern, prefixBits, name);
        if (name == 0)
            writer.WriteString(field.Name);
        writer.WriteString(field.Value);
    }
}

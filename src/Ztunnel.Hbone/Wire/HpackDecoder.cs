using System.Buffers;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The reading half of HPACK (RFC 7541) for one connection: keeps the dynamic table in step with the peer's encoder.
/// Every field block of the connection must pass through <see cref="Decode"/>, in order, also those of refused streams.
/// </summary>
/// <remarks>
/// Work and memory are bounded by the block's length and the two limits: a reference to a large entry, repeated, is counted
/// and past the limit no longer delivered. Nothing is allocated once the table has grown to its content.
/// </remarks>
public sealed class HpackDecoder
{
    private const int DefaultTableSize = 4096;

    private readonly DynamicTable _table;
    private readonly int _maxHeaderListSize;
    private int _tableSizeLimit;
    private bool _updateDue;
    private long _listSize;

    /// <summary>Makes a decoder.</summary>
    /// <param name="tableSizeLimit">SETTINGS_HEADER_TABLE_SIZE, in bytes: what we advertise, but until that is acknowledged at least 4096.</param>
    /// <param name="maxHeaderListSize">SETTINGS_MAX_HEADER_LIST_SIZE: bound on names and values plus 32 bytes a field.</param>
    public HpackDecoder(int tableSizeLimit, int maxHeaderListSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tableSizeLimit);
        ArgumentOutOfRangeException.ThrowIfNegative(maxHeaderListSize);
        _tableSizeLimit = tableSizeLimit;
        _maxHeaderListSize = maxHeaderListSize;
        _table = new DynamicTable(Math.Min(tableSizeLimit, DefaultTableSize));
    }

    /// <summary>The dynamic table, for tests.</summary>
    internal DynamicTable Table => _table;

    /// <summary>
    /// Takes a new table size limit, in bytes, into use; to be called when the peer acknowledges the SETTINGS that announced
    /// it. If the table is larger than that, the next block must begin by making it smaller (RFC 9113 section 4.3.1).
    /// </summary>
    public void SetTableSizeLimit(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        _tableSizeLimit = limit;
        _updateDue = _table.MaxSize > limit;
    }

    /// <summary>
    /// Decodes one complete field block into <paramref name="sink"/>. Returns null; or COMPRESSION_ERROR at connection scope,
    /// after which the decoder is of no use; or <see cref="Violations.HeaderListTooLarge"/> at stream scope, when the block was
    /// decoded to its end for the table's sake but the sink got only what fitted.
    /// </summary>
    public Violation? Decode<TSink>(ReadOnlySpan<byte> block, TSink sink)
        where TSink : IHeaderSink, allows ref struct
    {
        // A name out of the table, or a name and a value decoded: what one field can need.
        var scratch = new Scratch(HuffmanCode.MaxDecodedLength(block.Length) + _table.MaxSize);
        try
        {
            return DecodeFields(block, ref sink, ref scratch);
        }
        finally
        {
            scratch.Return();
        }
    }

    private Violation? DecodeFields<TSink>(ReadOnlySpan<byte> block, ref TSink sink, ref Scratch scratch)
        where TSink : IHeaderSink, allows ref struct
    {
        _listSize = 0;
        var reader = new HpackReader(block);
        if (ReadTableSizeUpdates(ref reader) is { } late)
            return late;
        while (!reader.AtEnd)
        {
            byte first = reader.Next;
            Violation? violation = first switch
            {
                >= 0x80 => ReadIndexed(ref reader, ref sink),
                >= 0x40 => ReadLiteral(ref reader, 6, HeaderIndexing.Incremental, ref sink, ref scratch),
                >= 0x20 => Violations.HpackTableSizeUpdateMisplaced,
                >= 0x10 => ReadLiteral(ref reader, 4, HeaderIndexing.Never, ref sink, ref scratch),
                _ => ReadLiteral(ref reader, 4, HeaderIndexing.None, ref sink, ref scratch),
            };
            if (violation is not null)
                return violation;
        }

        return _listSize > _maxHeaderListSize ? Violations.HeaderListTooLarge : null;
    }

    private Violation? ReadTableSizeUpdates(ref HpackReader reader)
    {
        while (!reader.AtEnd && reader.Next is >= 0x20 and < 0x40)
        {
            if (reader.ReadInteger(5, out int size) is { } violation)
                return violation;
            if (size > _tableSizeLimit)
                return Violations.HpackTableSizeUpdateTooLarge;
            _table.SetMaxSize(size);
            _updateDue = false;
        }

        return _updateDue ? Violations.HpackTableSizeUpdateMissing : null;
    }

    private Violation? ReadIndexed<TSink>(ref HpackReader reader, ref TSink sink)
        where TSink : IHeaderSink, allows ref struct
    {
        if (reader.ReadInteger(7, out int index) is { } violation)
            return violation;
        if (!TryGet(index, out HeaderField field))
            return Violations.HpackIndexInvalid;
        Deliver(field, ref sink);
        return null;
    }

    private Violation? ReadLiteral<TSink>(
        ref HpackReader reader, int prefixBits, HeaderIndexing indexing, ref TSink sink, ref Scratch scratch)
        where TSink : IHeaderSink, allows ref struct
    {
        scratch.Reset();
        if (ReadName(ref reader, prefixBits, indexing, ref scratch, out KnownHeader known, out ReadOnlySpan<byte> name) is { } badName)
            return badName;
        if (ReadString(ref reader, ref scratch, out ReadOnlySpan<byte> value) is { } badValue)
            return badValue;
        if (indexing == HeaderIndexing.Incremental)
            _table.Insert(known, name, value);
        HeaderIndexing delivered = indexing == HeaderIndexing.Never ? HeaderIndexing.Never : HeaderIndexing.Default;
        Deliver(new HeaderField(known, name, value, delivered), ref sink);
        return null;
    }

    private Violation? ReadName(
        ref HpackReader reader,
        int prefixBits,
        HeaderIndexing indexing,
        scoped ref Scratch scratch,
        out KnownHeader known,
        out ReadOnlySpan<byte> name)
    {
        known = KnownHeader.None;
        name = default;
        if (reader.ReadInteger(prefixBits, out int index) is { } violation)
            return violation;
        if (index == 0)
        {
            if (ReadString(ref reader, ref scratch, out name) is { } bad)
                return bad;
            known = KnownHeaders.Find(name);
            return null;
        }

        if (!TryGet(index, out HeaderField field))
            return Violations.HpackIndexInvalid;
        known = field.Known;

        // Inserting may evict the entry the name is taken from (RFC 7541 section 4.4).
        name = known == KnownHeader.None && indexing == HeaderIndexing.Incremental ? scratch.Copy(field.Name) : field.Name;
        return null;
    }

    private static Violation? ReadString(ref HpackReader reader, scoped ref Scratch scratch, out ReadOnlySpan<byte> text)
    {
        if (reader.ReadString(out text, out bool huffman) is { } violation)
            return violation;
        if (!huffman)
            return null;
        Violation? bad = HuffmanCode.Decode(text, scratch.Room, out int written);
        text = scratch.Take(written);
        return bad;
    }

    private bool TryGet(int index, out HeaderField field)
    {
        int position = index - StaticTable.Count - 1;
        if (index == 0 || position >= _table.Count)
        {
            field = default;
            return false;
        }

        field = position < 0 ? StaticTable.Get(index) : _table[position];
        return true;
    }

    private void Deliver<TSink>(scoped HeaderField field, ref TSink sink)
        where TSink : IHeaderSink, allows ref struct
    {
        _listSize += field.Name.Length + field.Value.Length + DynamicTable.EntryOverhead;
        if (_listSize <= _maxHeaderListSize)
            sink.Add(field);
    }

    // Memory for the strings of one field, rented when the first is needed and kept to the end of the block.
    private struct Scratch(int capacity)
    {
        private byte[]? _rented;
        private int _used;

        public Span<byte> Room => (_rented ??= ArrayPool<byte>.Shared.Rent(capacity)).AsSpan(_used);

        public void Reset() => _used = 0;

        public ReadOnlySpan<byte> Take(int length)
        {
            ReadOnlySpan<byte> taken = Room[..length];
            _used += length;
            return taken;
        }

        public ReadOnlySpan<byte> Copy(ReadOnlySpan<byte> text)
        {
            text.CopyTo(Room);
            return Take(text.Length);
        }

        public readonly void Return()
        {
            if (_rented is not null)
                ArrayPool<byte>.Shared.Return(_rented);
        }
    }
}

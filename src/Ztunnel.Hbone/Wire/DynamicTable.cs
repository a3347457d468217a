namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The HPACK dynamic table (RFC 7541 section 2.3.2 and 4): first in, first out, bounded by the sum of its entries' sizes.
/// All bytes lie in one array of at most twice that bound, so inserting and evicting allocate nothing once it has grown,
/// and an empty table owns no memory.
/// </summary>
internal sealed class DynamicTable
{
    /// <summary>What an entry counts beside its name and value (RFC 7541 section 4.1).</summary>
    public const int EntryOverhead = 32;

    private Entry[] _entries = [];
    private byte[] _bytes = [];

    // Entries are contiguous in insertion order. They keep positions that only grow, and _origin is the position of
    // _bytes[0], so moving the bytes down is one copy that touches no entry.
    private long _origin;
    private long _start;
    private long _end;

    // The newest entry is number _inserted - 1 and lies in slot number & mask.
    private int _inserted;

    /// <summary>Makes an empty table bounded by that many bytes.</summary>
    public DynamicTable(int maxSize) => MaxSize = maxSize;

    /// <summary>The bound on <see cref="Size"/>, in bytes.</summary>
    public int MaxSize { get; private set; }

    /// <summary>Sum of name lengths, value lengths and 32 per entry.</summary>
    public int Size { get; private set; }

    /// <summary>Number of entries.</summary>
    public int Count { get; private set; }

    /// <summary>Entries ever inserted, modulo 2^32: the number the next one gets.</summary>
    public int Inserted => _inserted;

    /// <summary>The entry at a position, 0 being the newest. Its spans are valid until the table changes.</summary>
    public HeaderField this[int position]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)Count, nameof(position));
            ref readonly Entry entry = ref _entries[(_inserted - 1 - position) & (_entries.Length - 1)];
            ReadOnlySpan<byte> stored = _bytes.AsSpan((int)(entry.Position - _origin), entry.StoredLength);
            return entry.Known != KnownHeader.None
                ? new HeaderField(entry.Known, stored)
                : new HeaderField(KnownHeader.None, stored[..entry.NameLength], stored[entry.NameLength..], HeaderIndexing.Default);
        }
    }

    /// <summary>Changes the bound and evicts what no longer fits.</summary>
    public void SetMaxSize(int maxSize)
    {
        MaxSize = maxSize;
        EvictTo(maxSize);
    }

    /// <summary>
    /// Inserts an entry as the newest, evicting from the old end; one larger than the table empties it and is not inserted
    /// (RFC 7541 section 4.4). False then. The spans must not lie in this table, except the name of a known header, which
    /// is not stored.
    /// </summary>
    public bool Insert(KnownHeader known, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        long size = (long)name.Length + value.Length + EntryOverhead;
        EvictTo((int)Math.Max(MaxSize - size, 0));
        if (size > MaxSize)
            return false;

        if (Count == _entries.Length)
            GrowEntries();
        ReadOnlySpan<byte> storedName = known == KnownHeader.None ? name : [];
        int stored = storedName.Length + value.Length;
        Span<byte> room = Reserve(stored);
        storedName.CopyTo(room);
        value.CopyTo(room[storedName.Length..]);

        _entries[_inserted & (_entries.Length - 1)] = new Entry(_end, stored, (int)size, storedName.Length, known);
        _end += stored;
        _inserted++;
        Count++;
        Size += (int)size;
        return true;
    }

    private void EvictTo(int size)
    {
        while (Size > size)
        {
            ref readonly Entry oldest = ref _entries[(_inserted - Count) & (_entries.Length - 1)];
            _start += oldest.StoredLength;
            Size -= oldest.Size;
            Count--;
        }
    }

    // Compacting only when at most half of the array is live makes each byte inserted pay for at most one byte moved.
    private Span<byte> Reserve(int length)
    {
        int live = (int)(_end - _start);
        if (_end - _origin + length > _bytes.Length)
        {
            byte[] target = _bytes.Length >= 2 * (live + length) ? _bytes : new byte[2 * (live + length)];
            _bytes.AsSpan((int)(_start - _origin), live).CopyTo(target);
            _bytes = target;
            _origin = _start;
        }

        return _bytes.AsSpan((int)(_end - _origin), length);
    }

    private void GrowEntries()
    {
        var entries = new Entry[Math.Max(8, _entries.Length * 2)];
        for (int number = _inserted - Count; number != _inserted; number++)
            entries[number & (entries.Length - 1)] = _entries[number & (_entries.Length - 1)];
        _entries = entries;
    }

    private readonly record struct Entry(long Position, int StoredLength, int Size, int NameLength, KnownHeader Known);
}

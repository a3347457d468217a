using System.Numerics;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The encoder's dynamic table with a way to find entries in it. Entries are few (a 4 KiB table holds at most 128), so their
/// hashes lie in a row and are searched as vectors; a hit is compared byte for byte.
/// </summary>
internal sealed class EncoderTable
{
    // Rings by insertion number, with a slot for every entry the table can hold; made with the first entry.
    private readonly int _ringSize;
    private int[] _nameHashes = [];
    private int[] _fieldHashes = [];

    /// <summary>
    /// Makes an empty table that will never be larger than <paramref name="sizeCap"/> bytes and may now have <paramref
    /// name="size"/>.
    /// </summary>
    public EncoderTable(int sizeCap, int size)
    {
        _ringSize = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, sizeCap / DynamicTable.EntryOverhead));
        Entries = new DynamicTable(size);
    }

    /// <summary>The entries, in step with the peer's decoder.</summary>
    public DynamicTable Entries { get; }

    /// <summary>The HPACK index of an entry with this name and value, or 0.</summary>
    public int Find(in HeaderField field)
    {
        int hash = HashOf(HashOf(0, field.Name), field.Value);
        for (int from = 0; NextPosition(_fieldHashes, hash, ref from) is >= 0 and int position;)
        {
            HeaderField entry = Entries[position];
            if (entry.Name.SequenceEqual(field.Name) && entry.Value.SequenceEqual(field.Value))
                return StaticTable.Count + 1 + position;
        }

        return 0;
    }

    /// <summary>The HPACK index of an entry with this name, or 0.</summary>
    public int FindName(in HeaderField field)
    {
        int hash = HashOf(0, field.Name);
        for (int from = 0; NextPosition(_nameHashes, hash, ref from) is >= 0 and int position;)
        {
            if (Entries[position].Name.SequenceEqual(field.Name))
                return StaticTable.Count + 1 + position;
        }

        return 0;
    }

    /// <summary>
    /// Inserts a field; false, with nothing changed, if it is so large that it would push out nearly all others. The field must
    /// then be sent without indexing.
    /// </summary>
    public bool TryInsert(in HeaderField field)
    {
        long size = (long)field.Name.Length + field.Value.Length + DynamicTable.EntryOverhead;
        if (size > Entries.MaxSize / 4 * 3)
            return false;
        if (_nameHashes.Length == 0)
        {
            _nameHashes = new int[_ringSize];
            _fieldHashes = new int[_ringSize];
        }

        int slot = Entries.Inserted & (_ringSize - 1);
        int nameHash = HashOf(0, field.Name);
        _nameHashes[slot] = nameHash;
        _fieldHashes[slot] = HashOf(nameHash, field.Value);
        return Entries.Insert(field.Known, field.Name, field.Value);
    }

    // The position, 0 being the newest, of the next live entry with that hash at or after slot `from`; -1 when there is none.
    private int NextPosition(int[] hashes, int hash, ref int from)
    {
        while (hashes.AsSpan(from).IndexOf(hash) is >= 0 and int offset)
        {
            int slot = from + offset;
            from = slot + 1;
            int position = (Entries.Inserted - 1 - slot) & (_ringSize - 1);
            if (position < Entries.Count)
                return position;
        }

        return -1;
    }

    private static int HashOf(int seed, ReadOnlySpan<byte> text)
    {
        var hash = default(HashCode);
        hash.Add(seed);
        hash.AddBytes(text);
        return hash.ToHashCode();
    }
}

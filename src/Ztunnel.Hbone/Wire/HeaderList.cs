using System.Text;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// A field section: what <see cref="HpackDecoder"/> fills and <see cref="HpackEncoder"/> sends. Meant to be kept, one per
/// connection, and cleared between uses: it copies bytes into storage of its own and allocates nothing once that has grown.
/// </summary>
public sealed class HeaderList : IHeaderSink
{
    // Larger storage is given up by Clear, so that one exceptional section does not stay in memory.
    private const int KeptBytes = 32 * 1024;
    private const int KeptFields = 256;

    // Two table size updates; and per field an index and two lengths.
    private const int EncodedOverhead = 2 * HpackWriter.MaxIntegerLength;
    private const int EncodedFieldOverhead = 3 * HpackWriter.MaxIntegerLength;

    private Field[] _fields = [];
    private byte[] _bytes = [];
    private int _used;
    private RecentText? _recent;

    /// <summary>Number of fields.</summary>
    public int Count { get; private set; }

    /// <summary>Upper bound on what <see cref="HpackEncoder.Encode"/> writes for this list, in bytes.</summary>
    public int MaxEncodedLength { get; private set; } = EncodedOverhead;

    /// <summary>The field at a position, in the order added; valid until the list changes.</summary>
    public HeaderField this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            ref readonly Field field = ref _fields[index];
            ReadOnlySpan<byte> value = _bytes.AsSpan(field.Start + field.NameLength, field.ValueLength);
            return field.Known != KnownHeader.None
                ? new HeaderField(field.Known, value, field.Indexing)
                : new HeaderField(KnownHeader.None, _bytes.AsSpan(field.Start, field.NameLength), value, field.Indexing);
        }
    }

    /// <summary>Empties the list and keeps its storage, unless an exceptional section had made it large.</summary>
    public void Clear()
    {
        Count = 0;
        MaxEncodedLength = EncodedOverhead;
        _used = 0;
        if (_bytes.Length > KeptBytes)
            _bytes = [];
        if (_fields.Length > KeptFields)
            _fields = [];
    }

    /// <inheritdoc/>
    public void Add(scoped HeaderField field)
    {
        ReadOnlySpan<byte> name = field.Known == KnownHeader.None ? field.Name : [];
        Span<byte> room = Append(field.Known, field.Name.Length, name.Length, field.Value.Length, field.Indexing);
        name.CopyTo(room);
        field.Value.CopyTo(room[name.Length..]);
    }

    /// <summary>
    /// Adds a field with a known name. Throws <see cref="ArgumentException"/> if the value is not ASCII or not legal as a field
    /// value: what an application said must not become a field of its own.
    /// </summary>
    public void Add(KnownHeader known, string value, HeaderIndexing indexing = HeaderIndexing.Default)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (known == KnownHeader.None)
            throw new ArgumentException("A field needs a name.", nameof(known));
        if (!HeaderRules.IsValue(value))
            throw new ArgumentException($"The value of {KnownHeaders.Text(known)} is not legal.", nameof(value));
        Span<byte> room = Append(known, KnownHeaders.Name(known).Length, 0, value.Length, indexing);
        Encoding.ASCII.GetBytes(value, room);
    }

    /// <summary>
    /// Adds a field by its name, a lower-case token; otherwise as <see cref="Add(KnownHeader, string, HeaderIndexing)"/>.
    /// </summary>
    public void Add(string name, string value, HeaderIndexing indexing = HeaderIndexing.Default)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(value);
        Span<byte> ascii = name.Length <= 128 ? stackalloc byte[name.Length] : new byte[name.Length];
        if (Encoding.ASCII.GetBytes(name, ascii) != name.Length || !HeaderRules.IsName(ascii))
            throw new ArgumentException("The field name is not a lower-case token.", nameof(name));
        KnownHeader known = KnownHeaders.Find(ascii);
        if (known != KnownHeader.None)
        {
            Add(known, value, indexing);
            return;
        }

        if (!HeaderRules.IsValue(value))
            throw new ArgumentException($"The value of {name} is not legal.", nameof(value));
        Span<byte> room = Append(KnownHeader.None, name.Length, name.Length, value.Length, indexing);
        ascii.CopyTo(room);
        Encoding.ASCII.GetBytes(value, room[name.Length..]);
    }

    /// <summary>The value of the first field of that name; false if there is none.</summary>
    public bool TryGet(KnownHeader known, out ReadOnlySpan<byte> value)
    {
        foreach (ref readonly Field field in _fields.AsSpan(0, Count))
        {
            if (field.Known != known || known == KnownHeader.None)
                continue;
            value = _bytes.AsSpan(field.Start + field.NameLength, field.ValueLength);
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>The value of the first field of that name, lower case; false if there is none.</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        KnownHeader known = KnownHeaders.Find(name);
        if (known != KnownHeader.None)
            return TryGet(known, out value);
        foreach (ref readonly Field field in _fields.AsSpan(0, Count))
        {
            if (field.Known != KnownHeader.None || !name.SequenceEqual(_bytes.AsSpan(field.Start, field.NameLength)))
                continue;
            value = _bytes.AsSpan(field.Start + field.NameLength, field.ValueLength);
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>
    /// The value of the first field of that name as text, or null if there is none. Values seen lately by this list come back as
    /// the same string without an allocation. Bytes above 0x7f become the characters of the same value.
    /// </summary>
    public string? GetText(KnownHeader known)
    {
        if (!TryGet(known, out ReadOnlySpan<byte> value))
            return null;
        return (_recent ??= new RecentText()).Get(value);
    }

    // Makes room for a field; the caller writes name (if it is stored) and value there.
    private Span<byte> Append(KnownHeader known, int nameLength, int storedName, int valueLength, HeaderIndexing indexing)
    {
        int length = storedName + valueLength;
        if (Count == _fields.Length)
            Array.Resize(ref _fields, Math.Max(8, Count * 2));
        if (_used + length > _bytes.Length)
            Array.Resize(ref _bytes, Math.Max(256, 2 * (_used + length)));
        _fields[Count++] = new Field(_used, storedName, valueLength, known, indexing);
        MaxEncodedLength += EncodedFieldOverhead + nameLength + valueLength;
        Span<byte> room = _bytes.AsSpan(_used, length);
        _used += length;
        return room;
    }

    private readonly record struct Field(int Start, int NameLength, int ValueLength, KnownHeader Known, HeaderIndexing Indexing);
}

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// A field section: what <see cref="HpackDecoder"/> fills and <see cref="HpackEncoder"/> sends. Meant to be kept, one per
/// loop, and cleared between uses: it copies bytes into storage of its own and allocates nothing once that has grown.
/// </summary>
public sealed class HeaderList : IHeaderSink
{
    /// <summary>Number of fields.</summary>
    public int Count => throw new NotImplementedException();

    /// <summary>The field at a position, in the order added; valid until the list changes.</summary>
    public HeaderField this[int index] => throw new NotImplementedException();

    /// <summary>Upper bound on what <see cref="HpackEncoder.Encode"/> writes for this list.</summary>
    public int MaxEncodedLength => throw new NotImplementedException();

    /// <summary>Empties the list and keeps its storage, unless an exceptional section had made it large.</summary>
    public void Clear() => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Add(in HeaderField field) => throw new NotImplementedException();

    /// <summary>Adds a field with a known name and a value of ASCII text.</summary>
    public void Add(KnownHeader known, string value, HeaderIndexing indexing = HeaderIndexing.Default) => throw new NotImplementedException();

    /// <summary>Adds a field by its name, lower case, and a value of ASCII text.</summary>
    public void Add(string name, string value, HeaderIndexing indexing = HeaderIndexing.Default) => throw new NotImplementedException();

    /// <summary>The value of the first field of that name; false if there is none.</summary>
    public bool TryGet(KnownHeader known, out ReadOnlySpan<byte> value) => throw new NotImplementedException();

    /// <summary>The value of the first field of that name; false if there is none.</summary>
    public bool TryGet(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value) => throw new NotImplementedException();

    /// <summary>
    /// The value of the first field of that name as text, or null if there is none. Values seen lately come back as the same
    /// string without an allocation.
    /// </summary>
    public string? GetText(KnownHeader known) => throw new NotImplementedException();
}

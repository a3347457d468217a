namespace Ztunnel.Hbone.Wire;

/// <summary>How a field is to be carried by HPACK (RFC 7541 section 6.2).</summary>
public enum HeaderIndexing : byte
{
    /// <summary>As its name suggests: reusable values indexed, one-off values not, credentials never.</summary>
    Default,

    /// <summary>Entered into the dynamic table.</summary>
    Incremental,

    /// <summary>Not entered.</summary>
    None,

    /// <summary>Never entered, by any hop: secrets.</summary>
    Never,
}

/// <summary>One header field, lent.</summary>
public readonly ref struct HeaderField
{
    /// <summary>Makes a field with a known name.</summary>
    public HeaderField(KnownHeader known, ReadOnlySpan<byte> value, HeaderIndexing indexing = HeaderIndexing.Default)
        : this(known, KnownHeaders.Name(known), value, indexing)
    {
    }

    /// <summary>Makes a field by its name, lower case.</summary>
    public HeaderField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, HeaderIndexing indexing = HeaderIndexing.Default)
        : this(KnownHeaders.Find(name), name, value, indexing)
    {
    }

    // A known name and its bytes must agree: tables keep only the constant.
    internal HeaderField(KnownHeader known, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, HeaderIndexing indexing)
    {
        Known = known;
        Name = name;
        Value = value;
        Indexing = indexing;
    }

    /// <summary>The name's constant, if it has one.</summary>
    public KnownHeader Known { get; }

    /// <summary>The name's bytes.</summary>
    public ReadOnlySpan<byte> Name { get; }

    /// <summary>The value's bytes.</summary>
    public ReadOnlySpan<byte> Value { get; }

    /// <summary>
    /// How it is to be sent. On a decoded field <see cref="HeaderIndexing.Never"/> or <see cref="HeaderIndexing.Default"/>:
    /// an intermediary must pass on the former.
    /// </summary>
    public HeaderIndexing Indexing { get; }
}

/// <summary>Receives decoded fields in order.</summary>
public interface IHeaderSink
{
    /// <summary>Takes one field; its spans are valid during the call only.</summary>
    void Add(scoped HeaderField field);
}

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// The reading half of HPACK (RFC 7541) for one connection: keeps the dynamic table in step with the peer's encoder.
/// Every field block of the connection must pass through <see cref="Decode"/>, in order, also those of refused streams.
/// </summary>
public sealed class HpackDecoder
{
    /// <summary>Makes a decoder.</summary>
    /// <param name="tableSizeLimit">What we advertise as SETTINGS_HEADER_TABLE_SIZE, in bytes; 4096 until anything else was acknowledged.</param>
    /// <param name="maxHeaderListSize">Bound on a field section, names and values plus 32 bytes a field (SETTINGS_MAX_HEADER_LIST_SIZE).</param>
    public HpackDecoder(int tableSizeLimit, int maxHeaderListSize) => throw new NotImplementedException();

    /// <summary>Takes a new table size limit into use; to be called when the peer acknowledges the SETTINGS that announced it.</summary>
    public void SetTableSizeLimit(int limit) => throw new NotImplementedException();

    /// <summary>
    /// Decodes one complete field block into <paramref name="sink"/>. Returns null; or COMPRESSION_ERROR at connection scope,
    /// after which the decoder is of no use; or <see cref="Violations"/>.HeaderListTooLarge at stream scope, when the block was
    /// decoded to its end for the table's sake but the sink got only what fitted.
    /// </summary>
    public Violation? Decode<TSink>(ReadOnlySpan<byte> block, TSink sink)
        where TSink : IHeaderSink, allows ref struct => throw new NotImplementedException();
}

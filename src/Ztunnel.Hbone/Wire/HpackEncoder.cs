namespace Ztunnel.Hbone.Wire;

/// <summary>The writing half of HPACK (RFC 7541) for one connection.</summary>
public sealed class HpackEncoder
{
    /// <summary>Makes an encoder.</summary>
    /// <param name="tableSizeCap">Most bytes of dynamic table to use even if the peer offers more.</param>
    public HpackEncoder(int tableSizeCap = 4096) => throw new NotImplementedException();

    /// <summary>Obeys the peer's SETTINGS_HEADER_TABLE_SIZE; each value in the order received. The change is announced by the next block.</summary>
    public void SetPeerTableSize(uint size) => throw new NotImplementedException();

    /// <summary>
    /// Encodes one field block and returns its length. <paramref name="destination"/> must hold at least
    /// <see cref="HeaderList.MaxEncodedLength"/>.
    /// </summary>
    public int Encode(HeaderList headers, Span<byte> destination) => throw new NotImplementedException();
}

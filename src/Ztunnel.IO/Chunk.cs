namespace Ztunnel.IO;

/// <summary>
/// Bytes lent by a channel between <see cref="Channel.TryRead"/> and <see cref="Channel.Consume"/>. Some writable room
/// usually stands in front of them, so that a framing layer can put its header there instead of copying the payload.
/// </summary>
public readonly ref struct Chunk
{
    /// <summary>Room, in bytes, that channels reading into a scratch buffer leave in front of the payload.</summary>
    public const int StandardHeadroom = 16;

    private readonly Span<byte> _buffer;

    /// <summary>Lends <paramref name="buffer"/> from <paramref name="headroom"/> on; what is before may be overwritten.</summary>
    public Chunk(Span<byte> buffer, int headroom)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)headroom, (uint)buffer.Length, nameof(headroom));
        _buffer = buffer;
        Headroom = headroom;
    }

    /// <summary>How many bytes in front of the payload may be overwritten.</summary>
    public int Headroom { get; }

    /// <summary>Payload length in bytes.</summary>
    public int Length => _buffer.Length - Headroom;

    /// <summary>The payload.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer[Headroom..];

    /// <summary>The payload from <paramref name="start"/> on, with the bytes already sent as further headroom.</summary>
    public Chunk Slice(int start) => new(_buffer, Headroom + start);

    /// <summary>The first <paramref name="length"/> bytes of the payload, with the same headroom.</summary>
    public Chunk Take(int length) => new(_buffer[..(Headroom + length)], Headroom);

    /// <summary>
    /// The payload's first <paramref name="length"/> bytes preceded by <paramref name="header"/> bytes of headroom, as one
    /// writable span. Throws <see cref="ArgumentOutOfRangeException"/> when the headroom is smaller than that.
    /// </summary>
    public Span<byte> WithHeader(int header, int length) => _buffer.Slice(Headroom - header, header + length);
}

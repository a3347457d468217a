namespace Ztunnel.IO;

/// <summary>
/// Holds a lent chunk open while its borrower hands parts of it on: a framing layer reads its transport once, finds several
/// streams' bytes in the chunk and lends each its part in place. The memory is pinned for as long as the loan lasts, and
/// asking for a part after that throws, so a part can never outlive what it points to.
/// </summary>
public sealed unsafe class LentChunk
{
    private byte* _buffer;
    private int _headroom;
    private int _length;

    /// <summary>True while <see cref="Open"/> runs.</summary>
    public bool IsOpen => _buffer is not null;

    /// <summary>The whole payload. Throws <see cref="InvalidOperationException"/> outside <see cref="Open"/>.</summary>
    public ReadOnlySpan<byte> Bytes => Slice(0, _length).Bytes;

    /// <summary>
    /// Runs <paramref name="body"/> with <paramref name="chunk"/> open. Loans of one object do not nest: throws
    /// <see cref="InvalidOperationException"/> when one is open.
    /// </summary>
    public void Open<TState>(Chunk chunk, TState state, Action<TState> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (IsOpen)
            throw new InvalidOperationException("A chunk is already lent here.");
        fixed (byte* buffer = chunk.WithHeader(chunk.Headroom, chunk.Length))
        {
            _buffer = buffer;
            _headroom = chunk.Headroom;
            _length = chunk.Length;
            try
            {
                body(state);
            }
            finally
            {
                _buffer = null;
                _length = 0;
            }
        }
    }

    /// <summary>
    /// Part of the payload, with everything in front of it as headroom. Whoever overwrites that headroom destroys the parts
    /// before this one, so they must be finished with. Throws <see cref="InvalidOperationException"/> outside
    /// <see cref="Open"/> and <see cref="ArgumentOutOfRangeException"/> past the payload.
    /// </summary>
    public Chunk Slice(int start, int length)
    {
        if (!IsOpen)
            throw new InvalidOperationException("The chunk was given back.");
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)_length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)(_length - start), nameof(length));
        return new Chunk(new Span<byte>(_buffer, _headroom + start + length), _headroom + start);
    }
}

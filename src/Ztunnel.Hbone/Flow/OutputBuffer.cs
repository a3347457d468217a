using System.Buffers;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Flow;

/// <summary>
/// Bytes that are to go out before anything else: control frames, small writes gathered for one send, and what is left of
/// a frame the transport took in part. Holds memory only while it is not empty.
/// </summary>
internal sealed class OutputBuffer
{
    private const int SmallestBlock = 8 * 1024;

    private byte[] _block = [];
    private int _start;
    private int _end;

    /// <summary>Bytes held.</summary>
    public int Length => _end - _start;

    /// <summary>The bytes held, with headroom for a transport that frames them in turn.</summary>
    public Chunk Content => new(_block.AsSpan(0, _end), _start);

    /// <summary>Room for <paramref name="count"/> further bytes, to be followed by <see cref="Commit"/>.</summary>
    public Span<byte> Reserve(int count)
    {
        if (_block.Length - _end < count)
            MakeRoom(count);
        return _block.AsSpan(_end, count);
    }

    /// <summary>Keeps the first <paramref name="count"/> bytes of what was reserved.</summary>
    public void Commit(int count) => _end += count;

    /// <summary>Adds bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        Commit(bytes.Length);
    }

    /// <summary>Drops the first <paramref name="count"/> bytes: the transport took them.</summary>
    public void Sent(int count)
    {
        _start += count;
        if (_start == _end)
            Clear();
    }

    /// <summary>Drops everything and gives the memory back.</summary>
    public void Clear()
    {
        if (_block.Length > 0)
            ArrayPool<byte>.Shared.Return(_block);
        _block = [];
        _start = _end = 0;
    }

    private void MakeRoom(int count)
    {
        int needed = Chunk.StandardHeadroom + Length + count;
        byte[] block = needed <= _block.Length && _start > Chunk.StandardHeadroom
            ? _block
            : ArrayPool<byte>.Shared.Rent(Math.Max(needed, Math.Max(SmallestBlock, Math.Min(_block.Length * 2, 1024 * 1024))));
        _block.AsSpan(_start, Length).CopyTo(block.AsSpan(Chunk.StandardHeadroom));
        _end = Chunk.StandardHeadroom + Length;
        _start = Chunk.StandardHeadroom;
        if (ReferenceEquals(block, _block))
            return;
        if (_block.Length > 0)
            ArrayPool<byte>.Shared.Return(_block);
        _block = block;
    }
}

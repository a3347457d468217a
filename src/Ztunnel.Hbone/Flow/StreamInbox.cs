using Ztunnel.IO;

namespace Ztunnel.Hbone.Flow;

/// <summary>
/// What a stream's consumer did not take when it arrived: bytes in blocks of the loop, first in first out. Exists only
/// while it holds something; a connection keeps a few empty ones for reuse.
/// </summary>
internal sealed class StreamInbox
{
    private readonly Queue<Segment> _segments = new();
    private Segment? _last;
    private int _start = Chunk.StandardHeadroom;

    /// <summary>Bytes held.</summary>
    public int Length { get; private set; }

    /// <summary>The first bytes held, in one piece; not to be asked for when empty.</summary>
    public Chunk First => new(_segments.Peek().Block.Bytes.AsSpan(0, _segments.Peek().End), _start);

    /// <summary>Copies bytes in.</summary>
    public void Append(ReadOnlySpan<byte> bytes, LoopBuffers buffers)
    {
        Length += bytes.Length;
        while (!bytes.IsEmpty)
        {
            if (_last is null || _last.End == _last.Block.Bytes.Length)
                AddSegment(bytes.Length, buffers);
            int count = Math.Min(bytes.Length, _last!.Block.Bytes.Length - _last.End);
            bytes[..count].CopyTo(_last.Block.Bytes.AsSpan(_last.End));
            _last.End += count;
            bytes = bytes[count..];
        }
    }

    /// <summary>Drops the first <paramref name="count"/> bytes, no more than <see cref="First"/> lent.</summary>
    public void Consume(int count)
    {
        _start += count;
        Length -= count;
        if (_start < _segments.Peek().End)
            return;
        _segments.Dequeue().Block.Dispose();
        _start = Chunk.StandardHeadroom;
        if (_segments.Count == 0)
            _last = null;
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        while (_segments.TryDequeue(out Segment? segment))
            segment.Block.Dispose();
        _last = null;
        _start = Chunk.StandardHeadroom;
        Length = 0;
    }

    private void AddSegment(int length, LoopBuffers buffers)
    {
        int size = Math.Min(length + Chunk.StandardHeadroom, LoopBuffers.LargeBlock);
        _last = new Segment(buffers.Rent(size)) { End = Chunk.StandardHeadroom };
        _segments.Enqueue(_last);
    }

    private sealed class Segment(Block block)
    {
        public Block Block { get; } = block;

        public int End { get; set; }
    }
}

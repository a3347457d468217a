using System.Buffers;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone;

/// <summary>
/// A header block that spans HEADERS and CONTINUATION frames, while it is put together. Its bytes and its frames are both
/// bounded: CONTINUATION frames without end, or without content, are an attack (CVE-2024-27316).
/// </summary>
internal sealed class HeaderBlock(int maxLength)
{
    private const int MaxFrames = 32;

    private byte[]? _buffer;
    private int _length;
    private int _frames;

    /// <summary>True from HEADERS without END_HEADERS until the CONTINUATION that has it.</summary>
    public bool IsOpen => _buffer is not null;

    /// <summary>The stream the block is for.</summary>
    public int StreamId { get; private set; }

    /// <summary>The HEADERS frame had END_STREAM.</summary>
    public bool EndStream { get; private set; }

    /// <summary>When the block was begun, in milliseconds of the connection's wrapping clock.</summary>
    public uint BegunAt { get; private set; }

    /// <summary>What has arrived.</summary>
    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    /// <summary>Begins a block with the fragment of a HEADERS frame.</summary>
    public Violation? Begin(int streamId, bool endStream, ReadOnlySpan<byte> fragment, uint now)
    {
        StreamId = streamId;
        EndStream = endStream;
        BegunAt = now;
        _frames = 0;
        _length = 0;
        _buffer = ArrayPool<byte>.Shared.Rent(maxLength);
        return Append(fragment);
    }

    /// <summary>Adds the next fragment.</summary>
    public Violation? Append(ReadOnlySpan<byte> fragment)
    {
        if (++_frames > MaxFrames || fragment.Length > maxLength - _length)
            return ConnectionViolations.HeaderBlockTooLong;
        fragment.CopyTo(_buffer.AsSpan(_length));
        _length += fragment.Length;
        return null;
    }

    /// <summary>Lets go of the block.</summary>
    public void Close()
    {
        if (_buffer is null)
            return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = null;
    }
}

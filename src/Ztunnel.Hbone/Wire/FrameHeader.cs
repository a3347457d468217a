using System.Buffers.Binary;

namespace Ztunnel.Hbone.Wire;

/// <summary>The nine bytes in front of every HTTP/2 frame (RFC 9113 section 4.1).</summary>
/// <param name="Length">Payload length in bytes, 0 to 2^24-1, without these nine.</param>
/// <param name="Type">The frame's type, possibly one without a name.</param>
/// <param name="Flags">The type's flags, undefined bits included.</param>
/// <param name="StreamId">The stream, 1 to 2^31-1, or 0 for the connection. The reserved bit is dropped on reading.</param>
public readonly record struct FrameHeader(int Length, FrameType Type, FrameFlags Flags, int StreamId)
{
    /// <summary>Bytes a frame header takes.</summary>
    public const int Size = 9;

    /// <summary>The largest payload length the format can carry.</summary>
    public const int MaxLength = (1 << 24) - 1;

    /// <summary>True if every bit of <paramref name="flags"/> is set.</summary>
    public bool Has(FrameFlags flags) => (Flags & flags) == flags;

    /// <summary>Reads a header from the first nine bytes; false if there are fewer.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        if (source.Length < Size)
        {
            header = default;
            return false;
        }

        uint lengthAndType = BinaryPrimitives.ReadUInt32BigEndian(source);
        uint stream = BinaryPrimitives.ReadUInt32BigEndian(source[5..]);
        header = new FrameHeader(
            (int)(lengthAndType >> 8), (FrameType)(byte)lengthAndType, (FrameFlags)source[4], (int)(stream & int.MaxValue));
        return true;
    }

    /// <summary>Writes the nine bytes at the start of <paramref name="destination"/>, which must hold them.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32BigEndian(destination, ((uint)Length << 8) | (byte)Type);
        destination[4] = (byte)Flags;
        BinaryPrimitives.WriteInt32BigEndian(destination[5..], StreamId);
    }
}

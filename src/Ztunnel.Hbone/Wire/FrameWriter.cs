using System.Buffers.Binary;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Writes frames at the start of a span, which must be large enough, and returns their length. Payload-carrying DATA
/// frames are written as a <see cref="FrameHeader"/> in front of bytes that are already in place.
/// </summary>
public static class FrameWriter
{
    /// <summary>Length of a PING frame.</summary>
    public const int PingLength = FrameHeader.Size + 8;

    /// <summary>Length of a WINDOW_UPDATE frame.</summary>
    public const int WindowUpdateLength = FrameHeader.Size + 4;

    /// <summary>Length of a RST_STREAM frame.</summary>
    public const int ResetStreamLength = FrameHeader.Size + 4;

    /// <summary>Length of a SETTINGS frame of <paramref name="count"/> entries.</summary>
    public static int SettingsLength(int count) => FrameHeader.Size + count * Setting.Size;

    /// <summary>Length of a GOAWAY frame with that many bytes of debug data.</summary>
    public static int GoAwayLength(int debugData) => FrameHeader.Size + 8 + debugData;

    /// <summary>
    /// Length of the HEADERS frame and CONTINUATION frames that carry a field block of <paramref name="block"/> bytes.
    /// </summary>
    public static int HeadersLength(int block, int maxFrameSize) => block + FrameCount(block, maxFrameSize) * FrameHeader.Size;

    /// <summary>Writes SETTINGS.</summary>
    public static int WriteSettings(Span<byte> destination, ReadOnlySpan<Setting> settings)
    {
        new FrameHeader(settings.Length * Setting.Size, FrameType.Settings, FrameFlags.None, 0).Write(destination);
        int written = FrameHeader.Size;
        foreach (Setting setting in settings)
        {
            BinaryPrimitives.WriteUInt16BigEndian(destination[written..], (ushort)setting.Id);
            BinaryPrimitives.WriteUInt32BigEndian(destination[(written + 2)..], setting.Value);
            written += Setting.Size;
        }

        return written;
    }

    /// <summary>Writes the acknowledgement of SETTINGS, nine bytes.</summary>
    public static int WriteSettingsAck(Span<byte> destination)
    {
        new FrameHeader(0, FrameType.Settings, FrameFlags.Ack, 0).Write(destination);
        return FrameHeader.Size;
    }

    /// <summary>Writes PING, or with <paramref name="ack"/> the answer to one.</summary>
    public static int WritePing(Span<byte> destination, ulong opaque, bool ack)
    {
        new FrameHeader(8, FrameType.Ping, ack ? FrameFlags.Ack : FrameFlags.None, 0).Write(destination);
        BinaryPrimitives.WriteUInt64BigEndian(destination[FrameHeader.Size..], opaque);
        return PingLength;
    }

    /// <summary>Writes WINDOW_UPDATE for a stream, or for the connection with stream 0; the increment is 1 to 2^31-1.</summary>
    public static int WriteWindowUpdate(Span<byte> destination, int streamId, int increment)
    {
        new FrameHeader(4, FrameType.WindowUpdate, FrameFlags.None, streamId).Write(destination);
        BinaryPrimitives.WriteInt32BigEndian(destination[FrameHeader.Size..], increment);
        return WindowUpdateLength;
    }

    /// <summary>Writes RST_STREAM.</summary>
    public static int WriteResetStream(Span<byte> destination, int streamId, ErrorCode code)
    {
        new FrameHeader(4, FrameType.ResetStream, FrameFlags.None, streamId).Write(destination);
        BinaryPrimitives.WriteUInt32BigEndian(destination[FrameHeader.Size..], (uint)code);
        return ResetStreamLength;
    }

    /// <summary>Writes GOAWAY.</summary>
    public static int WriteGoAway(Span<byte> destination, int lastStreamId, ErrorCode code, ReadOnlySpan<byte> debugData)
    {
        new FrameHeader(8 + debugData.Length, FrameType.GoAway, FrameFlags.None, 0).Write(destination);
        BinaryPrimitives.WriteInt32BigEndian(destination[FrameHeader.Size..], lastStreamId);
        BinaryPrimitives.WriteUInt32BigEndian(destination[(FrameHeader.Size + 4)..], (uint)code);
        debugData.CopyTo(destination[(FrameHeader.Size + 8)..]);
        return GoAwayLength(debugData.Length);
    }

    /// <summary>
    /// Writes a field block as HEADERS and, past <paramref name="maxFrameSize"/>, CONTINUATION frames.
    /// <paramref name="block"/> may lie in <paramref name="destination"/> at offset <see cref="FrameHeader.Size"/>, so that a
    /// block encoded there, if it fits one frame, is not copied.
    /// </summary>
    public static int WriteHeaders(Span<byte> destination, int streamId, bool endStream, ReadOnlySpan<byte> block, int maxFrameSize)
    {
        // From the last frame to the first, so that a block in place is moved up before it is overwritten.
        int count = FrameCount(block.Length, maxFrameSize);
        for (int i = count - 1; i >= 0; i--)
        {
            ReadOnlySpan<byte> fragment = block[(i * maxFrameSize)..Math.Min(block.Length, (i + 1) * maxFrameSize)];
            Span<byte> frame = destination[(i * (maxFrameSize + FrameHeader.Size))..];
            fragment.CopyTo(frame[FrameHeader.Size..]);

            FrameFlags flags = i == count - 1 ? FrameFlags.EndHeaders : FrameFlags.None;
            if (i == 0 && endStream)
                flags |= FrameFlags.EndStream;
            new FrameHeader(fragment.Length, i == 0 ? FrameType.Headers : FrameType.Continuation, flags, streamId).Write(frame);
        }

        return HeadersLength(block.Length, maxFrameSize);
    }

    private static int FrameCount(int block, int maxFrameSize) => Math.Max(1, (block + maxFrameSize - 1) / maxFrameSize);
}

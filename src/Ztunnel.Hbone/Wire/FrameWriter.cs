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

    /// <summary>Length of a GOAWAY frame with that much debug data.</summary>
    public static int GoAwayLength(int debugData) => FrameHeader.Size + 8 + debugData;

    /// <summary>Length of the HEADERS frame and CONTINUATION frames that carry a field block.</summary>
    public static int HeadersLength(int block, int maxFrameSize) => throw new NotImplementedException();

    /// <summary>Writes SETTINGS.</summary>
    public static int WriteSettings(Span<byte> destination, ReadOnlySpan<Setting> settings) => throw new NotImplementedException();

    /// <summary>Writes the acknowledgement of SETTINGS, nine bytes.</summary>
    public static int WriteSettingsAck(Span<byte> destination) => throw new NotImplementedException();

    /// <summary>Writes PING, or with <paramref name="ack"/> the answer to one.</summary>
    public static int WritePing(Span<byte> destination, ulong opaque, bool ack) => throw new NotImplementedException();

    /// <summary>Writes WINDOW_UPDATE for a stream, or for the connection with stream 0.</summary>
    public static int WriteWindowUpdate(Span<byte> destination, int streamId, int increment) => throw new NotImplementedException();

    /// <summary>Writes RST_STREAM.</summary>
    public static int WriteResetStream(Span<byte> destination, int streamId, ErrorCode code) => throw new NotImplementedException();

    /// <summary>Writes GOAWAY.</summary>
    public static int WriteGoAway(Span<byte> destination, int lastStreamId, ErrorCode code, ReadOnlySpan<byte> debugData) => throw new NotImplementedException();

    /// <summary>
    /// Writes a field block as HEADERS and, past <paramref name="maxFrameSize"/>, CONTINUATION frames.
    /// <paramref name="block"/> may lie in <paramref name="destination"/> at offset <see cref="FrameHeader.Size"/>, so that a
    /// block encoded there, if it fits one frame, is not copied.
    /// </summary>
    public static int WriteHeaders(Span<byte> destination, int streamId, bool endStream, ReadOnlySpan<byte> block, int maxFrameSize) => throw new NotImplementedException();
}

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// A whole frame, or a piece of a DATA frame. The payload is valid until the next call to <see cref="FrameReader.Read"/> and as
/// long as the input is.
/// </summary>
public readonly ref struct FrameSlice
{
    /// <summary>The frame's header as it was on the wire.</summary>
    public required FrameHeader Header { get; init; }

    /// <summary>
    /// DATA: the next bytes of the stream, padding taken off, possibly none. Extension frames, and frames whose type fixes
    /// another length: empty, the payload is skipped. GOAWAY: at most <see cref="FrameReader.MaxGoAwayPayload"/> bytes. Any
    /// other frame: the whole payload, padding included, for <see cref="FramePayload"/> to read.
    /// </summary>
    public required ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>
    /// False for the second and later pieces of a DATA frame. With the first, the whole frame counts against the flow-control
    /// windows: <see cref="FrameHeader.Length"/>, padding included.
    /// </summary>
    public required bool IsFirst { get; init; }

    /// <summary>True for the last piece of a DATA frame, where END_STREAM takes effect, and for every other frame.</summary>
    public required bool IsLast { get; init; }
}

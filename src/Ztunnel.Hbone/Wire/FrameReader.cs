namespace Ztunnel.Hbone.Wire;

/// <summary>What one step of a <see cref="FrameReader"/> found.</summary>
public enum FrameReadStatus
{
    /// <summary>All input was taken and no frame is complete; call again with further bytes.</summary>
    NeedMore,

    /// <summary>A <see cref="FrameSlice"/> was produced; call again with what of the input is left.</summary>
    Frame,

    /// <summary>The peer broke the protocol at connection scope; <see cref="FrameReader.Violation"/> says how. Reading is over.</summary>
    Violation,
}

/// <summary>
/// A whole frame, or a piece of a DATA frame. Spans are valid until the next call to <see cref="FrameReader.Read"/> and as
/// long as the input is.
/// </summary>
public readonly ref struct FrameSlice
{
    /// <summary>The frame's header as it was on the wire.</summary>
    public required FrameHeader Header { get; init; }

    /// <summary>
    /// DATA: the next bytes of the stream, padding taken off, possibly none. Extension frames and a PRIORITY of a wrong
    /// length: empty, the payload is skipped. GOAWAY: at most <see cref="FrameReader.MaxGoAwayPayload"/> bytes. Any other
    /// frame: the whole payload, padding included, for <see cref="FramePayload"/> to read.
    /// </summary>
    public required ReadOnlySpan<byte> Payload { get; init; }

    /// <summary>False for the second and later pieces of a DATA frame. The first carries the frame's flow-controlled length in <see cref="Header"/>.</summary>
    public required bool IsFirst { get; init; }

    /// <summary>True for the last piece of a DATA frame (where END_STREAM takes effect) and for every other frame.</summary>
    public required bool IsLast { get; init; }
}

/// <summary>
/// Cuts a byte stream, split anywhere, into frames. DATA passes through in pieces as it comes; every other frame is
/// delivered whole, straight out of the input if it lies there in one piece, else assembled in a rented buffer that is
/// given back by the next call. Checks what the header alone decides: sizes, stream 0 or not, PUSH_PROMISE. What depends
/// on the connection's state (first frame SETTINGS, CONTINUATION order, stream states) is the connection's.
/// </summary>
public sealed class FrameReader : IDisposable
{
    /// <summary>Bytes of a GOAWAY that are kept: the eight fixed ones and the beginning of the debug data.</summary>
    public const int MaxGoAwayPayload = 8 + 256;

    /// <summary>Longest SETTINGS payload that is taken; real peers send under a hundred bytes.</summary>
    public const int MaxSettingsPayload = 128 * Setting.Size;

    /// <summary>Makes a reader.</summary>
    /// <param name="expectPreface">True on a server: the stream starts with <see cref="ConnectionPreface.Bytes"/>.</param>
    /// <param name="maxFrameSize">What we advertise as SETTINGS_MAX_FRAME_SIZE, 16,384 to 2^24-1.</param>
    /// <param name="maxHeaderFragment">Longest HEADERS or CONTINUATION payload that is taken, in bytes.</param>
    public FrameReader(bool expectPreface, int maxFrameSize, int maxHeaderFragment) => throw new NotImplementedException();

    /// <summary>Why <see cref="Read"/> returned <see cref="FrameReadStatus.Violation"/>.</summary>
    public Violation? Violation => throw new NotImplementedException();

    /// <summary>
    /// Takes one step. <paramref name="consumed"/> bytes of <paramref name="input"/> are done with; call again with the rest
    /// until <see cref="FrameReadStatus.NeedMore"/>, which gives back the assembly buffer unless a frame is under way.
    /// An empty <paramref name="input"/> is allowed.
    /// </summary>
    public FrameReadStatus Read(ReadOnlySpan<byte> input, out int consumed, out FrameSlice frame) => throw new NotImplementedException();

    /// <summary>Gives back the assembly buffer.</summary>
    public void Dispose() => throw new NotImplementedException();
}

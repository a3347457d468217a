using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone;

/// <summary>How a peer can break the protocol in ways that depend on the connection's state (RFC 9113).</summary>
internal static class ConnectionViolations
{
    public static readonly Violation FirstFrameNotSettings = Connection(ErrorCode.ProtocolError, "the first frame was not SETTINGS");
    public static readonly Violation HeaderBlockInterrupted = Connection(ErrorCode.ProtocolError, "a frame interrupted a header block");
    public static readonly Violation StrayContinuation = Connection(ErrorCode.ProtocolError, "CONTINUATION without a header block");
    public static readonly Violation HeaderBlockTooLong = Connection(ErrorCode.EnhanceYourCalm, "a header block is too long or has too many frames");
    public static readonly Violation IdleStream = Connection(ErrorCode.ProtocolError, "a frame for a stream that was not opened");
    public static readonly Violation StreamIdMisused = Connection(ErrorCode.ProtocolError, "HEADERS for a stream id the peer may not open");
    public static readonly Violation HeadersOnClosedStream = Connection(ErrorCode.StreamClosed, "HEADERS for a closed stream");
    public static readonly Violation ConnectionWindowOverrun = Connection(ErrorCode.FlowControlError, "more DATA than the connection's window");
    public static readonly Violation ConnectionWindowOverflow = Connection(ErrorCode.FlowControlError, "the connection's window exceeds 2^31-1");
    public static readonly Violation InitialWindowOverflow = Connection(ErrorCode.FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window exceed 2^31-1");
    public static readonly Violation TooManyIdleFrames = Connection(ErrorCode.EnhanceYourCalm, "too many frames that move nothing");
    public static readonly Violation TooManySpoiledStreams = Connection(ErrorCode.EnhanceYourCalm, "too many streams opened and reset");

    public static readonly Violation DataAfterEnd = Stream(ErrorCode.StreamClosed, "a frame after END_STREAM");
    public static readonly Violation DataOnClosedStream = Stream(ErrorCode.StreamClosed, "DATA for a closed stream");
    public static readonly Violation DataBeforeAnswer = Stream(ErrorCode.ProtocolError, "DATA before the response HEADERS");
    public static readonly Violation HeadersOnTunnel = Stream(ErrorCode.ProtocolError, "HEADERS on a connected tunnel");
    public static readonly Violation InterimEndsStream = Stream(ErrorCode.ProtocolError, "an interim response with END_STREAM");
    public static readonly Violation StreamWindowOverrun = Stream(ErrorCode.FlowControlError, "more DATA than the stream's window");
    public static readonly Violation StreamWindowOverflow = Stream(ErrorCode.FlowControlError, "the stream's window exceeds 2^31-1");
    public static readonly Violation StreamRefused = Stream(ErrorCode.RefusedStream, "no further streams are taken");

    private static Violation Connection(ErrorCode code, string detail) => new(ViolationScope.Connection, code, detail);

    private static Violation Stream(ErrorCode code, string detail) => new(ViolationScope.Stream, code, detail);
}

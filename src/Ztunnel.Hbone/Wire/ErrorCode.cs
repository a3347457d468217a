namespace Ztunnel.Hbone.Wire;

/// <summary>
/// HTTP/2 error codes as carried by RST_STREAM and GOAWAY (RFC 9113 section 7). Unnamed values mean <see
/// cref="InternalError"/>.
/// </summary>
public enum ErrorCode : uint
{
    /// <summary>NO_ERROR: a graceful end.</summary>
    NoError = 0x0,

    /// <summary>PROTOCOL_ERROR: a violation without a code of its own.</summary>
    ProtocolError = 0x1,

    /// <summary>INTERNAL_ERROR: the sender failed.</summary>
    InternalError = 0x2,

    /// <summary>FLOW_CONTROL_ERROR: a window was overrun or overflowed.</summary>
    FlowControlError = 0x3,

    /// <summary>SETTINGS_TIMEOUT: SETTINGS were not acknowledged in time.</summary>
    SettingsTimeout = 0x4,

    /// <summary>STREAM_CLOSED: a frame for a stream that was already half-closed.</summary>
    StreamClosed = 0x5,

    /// <summary>FRAME_SIZE_ERROR: a frame of a length its type does not allow.</summary>
    FrameSizeError = 0x6,

    /// <summary>REFUSED_STREAM: not processed at all; safe to retry elsewhere.</summary>
    RefusedStream = 0x7,

    /// <summary>CANCEL: the stream is no longer wanted.</summary>
    Cancel = 0x8,

    /// <summary>COMPRESSION_ERROR: the HPACK state cannot be kept.</summary>
    CompressionError = 0x9,

    /// <summary>CONNECT_ERROR: the connection a CONNECT stands for was reset or failed.</summary>
    ConnectError = 0xa,

    /// <summary>ENHANCE_YOUR_CALM: the peer causes excessive load.</summary>
    EnhanceYourCalm = 0xb,

    /// <summary>INADEQUATE_SECURITY: the TLS below does not meet the requirements.</summary>
    InadequateSecurity = 0xc,

    /// <summary>HTTP_1_1_REQUIRED: the resource is only available over HTTP/1.1.</summary>
    Http11Required = 0xd,
}

using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>How the failure of one side of a tunnel is told to the other: RST_STREAM codes by RFC 9113 sections 7 and 8.5.</summary>
internal static class ResetCodes
{
    /// <summary>The code for a tunnel that is broken off because of a failure: trouble of the TCP connection it stands for is CONNECT_ERROR.</summary>
    public static ErrorCode For(FailureKind kind) => kind switch
    {
        FailureKind.Reset or FailureKind.Refused or FailureKind.Unreachable or FailureKind.TimedOut or FailureKind.Truncated
            or FailureKind.Tls or FailureKind.PeerRefused => ErrorCode.ConnectError,
        FailureKind.Protocol => ErrorCode.ProtocolError,
        FailureKind.Local => ErrorCode.InternalError,
        _ => ErrorCode.Cancel,
    };

    /// <summary>A GOAWAY's code and, in brackets, what the peer said about it: printable ASCII only, and not much of it.</summary>
    public static string Describe(in GoAway goAway)
    {
        const int MostShown = 128;
        string name = Name(goAway.Code);
        if (goAway.DebugData.IsEmpty)
            return name;
        Span<char> shown = stackalloc char[Math.Min(goAway.DebugData.Length, MostShown)];
        for (int i = 0; i < shown.Length; i++)
            shown[i] = goAway.DebugData[i] is >= (byte)' ' and <= (byte)'~' ? (char)goAway.DebugData[i] : '?';
        return $"{name} ({shown})";
    }

    /// <summary>The name RFC 9113 gives a code, for log lines.</summary>
    public static string Name(ErrorCode code) => code switch
    {
        ErrorCode.NoError => "NO_ERROR",
        ErrorCode.ProtocolError => "PROTOCOL_ERROR",
        ErrorCode.InternalError => "INTERNAL_ERROR",
        ErrorCode.FlowControlError => "FLOW_CONTROL_ERROR",
        ErrorCode.SettingsTimeout => "SETTINGS_TIMEOUT",
        ErrorCode.StreamClosed => "STREAM_CLOSED",
        ErrorCode.FrameSizeError => "FRAME_SIZE_ERROR",
        ErrorCode.RefusedStream => "REFUSED_STREAM",
        ErrorCode.Cancel => "CANCEL",
        ErrorCode.CompressionError => "COMPRESSION_ERROR",
        ErrorCode.ConnectError => "CONNECT_ERROR",
        ErrorCode.EnhanceYourCalm => "ENHANCE_YOUR_CALM",
        ErrorCode.InadequateSecurity => "INADEQUATE_SECURITY",
        ErrorCode.Http11Required => "HTTP_1_1_REQUIRED",
        _ => $"error 0x{(uint)code:x}",
    };
}

namespace Ztunnel.Hbone.Wire;

/// <summary>HTTP/2 frame flags. A bit means what its frame type gives it (RFC 9113 section 6); the rest are ignored.</summary>
[Flags]
public enum FrameFlags : byte
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>END_STREAM on DATA and HEADERS: the sender's last frame of the stream.</summary>
    EndStream = 0x1,

    /// <summary>ACK on SETTINGS and PING.</summary>
    Ack = EndStream,

    /// <summary>END_HEADERS on HEADERS and CONTINUATION: the field block is complete.</summary>
    EndHeaders = 0x4,

    /// <summary>PADDED on DATA and HEADERS: a pad length byte leads and that much padding trails.</summary>
    Padded = 0x8,

    /// <summary>PRIORITY on HEADERS: five deprecated priority bytes precede the field block.</summary>
    Priority = 0x20,
}

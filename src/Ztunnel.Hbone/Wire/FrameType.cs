namespace Ztunnel.Hbone.Wire;

/// <summary>HTTP/2 frame types (RFC 9113 section 6). Values without a name are extension frames, to be ignored.</summary>
public enum FrameType : byte
{
    /// <summary>DATA: bytes of a stream.</summary>
    Data = 0x0,

    /// <summary>HEADERS: opens a stream, answers one, or ends one with trailers.</summary>
    Headers = 0x1,

    /// <summary>PRIORITY: deprecated; checked for its length and otherwise ignored.</summary>
    Priority = 0x2,

    /// <summary>RST_STREAM: ends a stream at once.</summary>
    ResetStream = 0x3,

    /// <summary>SETTINGS: how the sender wants the connection to be used, or the acknowledgement of that.</summary>
    Settings = 0x4,

    /// <summary>PUSH_PROMISE: never legal here, because push is never enabled.</summary>
    PushPromise = 0x5,

    /// <summary>PING: liveness and round-trip time.</summary>
    Ping = 0x6,

    /// <summary>GOAWAY: no streams above the named one will be served.</summary>
    GoAway = 0x7,

    /// <summary>WINDOW_UPDATE: flow-control credit.</summary>
    WindowUpdate = 0x8,

    /// <summary>CONTINUATION: more of a field block that a HEADERS frame began.</summary>
    Continuation = 0x9,
}

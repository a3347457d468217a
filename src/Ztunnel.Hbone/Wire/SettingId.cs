namespace Ztunnel.Hbone.Wire;

/// <summary>HTTP/2 setting identifiers (RFC 9113 section 6.5.2, RFC 8441). Values without a name are to be ignored.</summary>
public enum SettingId : ushort
{
    /// <summary>SETTINGS_HEADER_TABLE_SIZE: bytes of HPACK dynamic table the sender keeps for decoding; initially 4096.</summary>
    HeaderTableSize = 0x1,

    /// <summary>SETTINGS_ENABLE_PUSH: 0 or 1; a server sends only 0.</summary>
    EnablePush = 0x2,

    /// <summary>SETTINGS_MAX_CONCURRENT_STREAMS: streams the sender lets its peer have open; initially without limit.</summary>
    MaxConcurrentStreams = 0x3,

    /// <summary>
    /// SETTINGS_INITIAL_WINDOW_SIZE: bytes of send window on each stream towards the sender; initially 65,535, at most
    /// 2^31-1.
    /// </summary>
    InitialWindowSize = 0x4,

    /// <summary>SETTINGS_MAX_FRAME_SIZE: largest frame payload the sender takes; initially 16,384, at most 2^24-1.</summary>
    MaxFrameSize = 0x5,

    /// <summary>
    /// SETTINGS_MAX_HEADER_LIST_SIZE: advisory bound on a field section, counted with 32 bytes per field; initially without
    /// limit.
    /// </summary>
    MaxHeaderListSize = 0x6,

    /// <summary>SETTINGS_ENABLE_CONNECT_PROTOCOL: extended CONNECT (RFC 8441); plain CONNECT needs no setting.</summary>
    EnableConnectProtocol = 0x8,
}

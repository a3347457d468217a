namespace Ztunnel.Hbone.Wire;

/// <summary>Every violation the wire readers report: one instance each, so that they can be told apart by reference.</summary>
public static class Violations
{
    /// <summary>The client did not begin with the connection preface (RFC 9113 section 3.4).</summary>
    public static Violation PrefaceInvalid { get; } =
        Connection(ErrorCode.ProtocolError, "the client's connection preface is wrong");

    /// <summary>A frame is longer than our SETTINGS_MAX_FRAME_SIZE (section 4.2).</summary>
    public static Violation FrameTooLarge { get; } =
        Connection(ErrorCode.FrameSizeError, "frame length exceeds SETTINGS_MAX_FRAME_SIZE");

    /// <summary>A frame that belongs to a stream came on stream 0.</summary>
    public static Violation StreamIdZero { get; } = Connection(ErrorCode.ProtocolError, "frame of a stream on stream 0");

    /// <summary>SETTINGS, PING or GOAWAY came on a stream.</summary>
    public static Violation StreamIdNotZero { get; } = Connection(ErrorCode.ProtocolError, "frame of the connection on a stream");

    /// <summary>PUSH_PROMISE, which nobody may send because push is off (section 8.4).</summary>
    public static Violation PushPromise { get; } = Connection(ErrorCode.ProtocolError, "PUSH_PROMISE although push is disabled");

    /// <summary>Padding that leaves no room for what it pads (sections 6.1 and 6.2).</summary>
    public static Violation PaddingTooLong { get; } = Connection(ErrorCode.ProtocolError, "padding exceeds the frame");

    /// <summary>A PADDED frame too short for the pad length itself.</summary>
    public static Violation PadLengthMissing { get; } = Connection(ErrorCode.FrameSizeError, "PADDED frame without a pad length");

    /// <summary>HEADERS too short for the priority fields its flag announces.</summary>
    public static Violation HeadersTooShort { get; } =
        Connection(ErrorCode.FrameSizeError, "HEADERS too short for its priority fields");

    /// <summary>A HEADERS or CONTINUATION payload beyond what we take.</summary>
    public static Violation FieldBlockTooLarge { get; } = Connection(ErrorCode.EnhanceYourCalm, "field block exceeds the limit");

    /// <summary>A SETTINGS acknowledgement that carries something (section 6.5).</summary>
    public static Violation SettingsAckLength { get; } = Connection(ErrorCode.FrameSizeError, "SETTINGS ACK with a payload");

    /// <summary>A SETTINGS payload that is no whole number of entries.</summary>
    public static Violation SettingsLength { get; } =
        Connection(ErrorCode.FrameSizeError, "SETTINGS length is not a multiple of 6");

    /// <summary>A SETTINGS payload longer than <see cref="FrameReader.MaxSettingsPayload"/>.</summary>
    public static Violation SettingsTooMany { get; } =
        Connection(ErrorCode.EnhanceYourCalm, "too many entries in one SETTINGS frame");

    /// <summary>SETTINGS_ENABLE_PUSH that is not 0 or 1, or not 0 from a server.</summary>
    public static Violation EnablePushInvalid { get; } =
        Connection(ErrorCode.ProtocolError, "SETTINGS_ENABLE_PUSH has an illegal value");

    /// <summary>SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1.</summary>
    public static Violation InitialWindowSizeInvalid { get; } =
        Connection(ErrorCode.FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE exceeds 2147483647");

    /// <summary>SETTINGS_MAX_FRAME_SIZE outside 16,384 to 2^24-1.</summary>
    public static Violation MaxFrameSizeInvalid { get; } =
        Connection(ErrorCode.ProtocolError, "SETTINGS_MAX_FRAME_SIZE is outside 16384 to 16777215");

    /// <summary>SETTINGS_ENABLE_CONNECT_PROTOCOL that is not 0 or 1 (RFC 8441 section 3).</summary>
    public static Violation EnableConnectProtocolInvalid { get; } =
        Connection(ErrorCode.ProtocolError, "SETTINGS_ENABLE_CONNECT_PROTOCOL is not 0 or 1");

    /// <summary>A PING that is not eight bytes.</summary>
    public static Violation PingLength { get; } = Connection(ErrorCode.FrameSizeError, "PING length is not 8");

    /// <summary>A RST_STREAM that is not four bytes.</summary>
    public static Violation ResetStreamLength { get; } = Connection(ErrorCode.FrameSizeError, "RST_STREAM length is not 4");

    /// <summary>A WINDOW_UPDATE that is not four bytes.</summary>
    public static Violation WindowUpdateLength { get; } = Connection(ErrorCode.FrameSizeError, "WINDOW_UPDATE length is not 4");

    /// <summary>A WINDOW_UPDATE of the connection by 0 (section 6.9).</summary>
    public static Violation ConnectionWindowUpdateZero { get; } =
        Connection(ErrorCode.ProtocolError, "WINDOW_UPDATE of the connection by 0");

    /// <summary>A WINDOW_UPDATE of a stream by 0.</summary>
    public static Violation StreamWindowUpdateZero { get; } = Stream(ErrorCode.ProtocolError, "WINDOW_UPDATE of a stream by 0");

    /// <summary>A GOAWAY shorter than eight bytes.</summary>
    public static Violation GoAwayLength { get; } = Connection(ErrorCode.FrameSizeError, "GOAWAY shorter than 8");

    /// <summary>A PRIORITY that is not five bytes (section 6.3).</summary>
    public static Violation PriorityLength { get; } = Stream(ErrorCode.FrameSizeError, "PRIORITY length is not 5");

    /// <summary>A field block that ends inside a representation.</summary>
    public static Violation HpackTruncated { get; } = Connection(ErrorCode.CompressionError, "field block ends inside a field");

    /// <summary>An HPACK integer above 2^31-1 or padded beyond five bytes (RFC 7541 section 5.1).</summary>
    public static Violation HpackIntegerTooLarge { get; } = Connection(ErrorCode.CompressionError, "HPACK integer too large");

    /// <summary>Index 0, or one past the dynamic table's end (section 2.3.3).</summary>
    public static Violation HpackIndexInvalid { get; } =
        Connection(ErrorCode.CompressionError, "HPACK index names no table entry");

    /// <summary>A table size update above the limit we announced (section 6.3).</summary>
    public static Violation HpackTableSizeUpdateTooLarge { get; } =
        Connection(ErrorCode.CompressionError, "HPACK table size update exceeds SETTINGS_HEADER_TABLE_SIZE");

    /// <summary>A table size update after the first field of a block (section 4.2).</summary>
    public static Violation HpackTableSizeUpdateMisplaced { get; } =
        Connection(ErrorCode.CompressionError, "HPACK table size update after a field");

    /// <summary>No table size update in the first block after we lowered the limit (RFC 9113 section 4.3.1).</summary>
    public static Violation HpackTableSizeUpdateMissing { get; } =
        Connection(ErrorCode.CompressionError, "HPACK table not made smaller as SETTINGS_HEADER_TABLE_SIZE asked");

    /// <summary>Huffman padding of a byte or more, or not of ones (RFC 7541 section 5.2).</summary>
    public static Violation HuffmanPadding { get; } = Connection(ErrorCode.CompressionError, "Huffman string with wrong padding");

    /// <summary>The EOS symbol inside a string.</summary>
    public static Violation HuffmanEndOfString { get; } = Connection(ErrorCode.CompressionError, "Huffman string contains EOS");

    /// <summary>
    /// A field section beyond our SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113 section 10.5.1). The decoder's state is intact.
    /// </summary>
    public static Violation HeaderListTooLarge { get; } =
        Stream(ErrorCode.EnhanceYourCalm, "field section exceeds SETTINGS_MAX_HEADER_LIST_SIZE");

    /// <summary>A field name that is no lower-case token (section 8.2.1).</summary>
    public static Violation FieldNameInvalid { get; } = Malformed("field name is not a lower-case token");

    /// <summary>A field value with NUL, CR or LF, or with white space at its ends.</summary>
    public static Violation FieldValueInvalid { get; } = Malformed("field value has a forbidden character");

    /// <summary>
    /// connection, keep-alive, proxy-connection, transfer-encoding, upgrade, or te other than <c>trailers</c> (section
    /// 8.2.2).
    /// </summary>
    public static Violation ConnectionSpecificField { get; } = Malformed("connection-specific field");

    /// <summary>A pseudo-header field that this kind of section does not have (section 8.3).</summary>
    public static Violation PseudoHeaderUnexpected { get; } = Malformed("pseudo-header field that does not belong here");

    /// <summary>A pseudo-header field twice.</summary>
    public static Violation PseudoHeaderRepeated { get; } = Malformed("pseudo-header field repeated");

    /// <summary>A pseudo-header field after a regular one.</summary>
    public static Violation PseudoHeaderLate { get; } = Malformed("pseudo-header field after a regular field");

    /// <summary>No or empty :method, :scheme, :path or :status.</summary>
    public static Violation PseudoHeaderMissing { get; } = Malformed("mandatory pseudo-header field missing");

    /// <summary>A CONNECT without :authority (section 8.5).</summary>
    public static Violation ConnectAuthorityMissing { get; } = Malformed("CONNECT without :authority");

    /// <summary>A CONNECT with :scheme or :path (section 8.5).</summary>
    public static Violation ConnectSchemeOrPath { get; } = Malformed("CONNECT with :scheme or :path");

    /// <summary>A host field that is not what :authority says (section 8.3.1).</summary>
    public static Violation HostDiffers { get; } = Malformed("host differs from :authority");

    /// <summary>A :status that is not three digits from 100 to 599, or is 101 (sections 8.3.2 and 8.6).</summary>
    public static Violation StatusInvalid { get; } = Malformed(":status is not an HTTP/2 status code");

    private static Violation Connection(ErrorCode code, string detail) => new(ViolationScope.Connection, code, detail);

    private static Violation Stream(ErrorCode code, string detail) => new(ViolationScope.Stream, code, detail);

    private static Violation Malformed(string detail) => Stream(ErrorCode.ProtocolError, detail);
}

using System.Buffers.Binary;

namespace Ztunnel.Hbone.Wire;

/// <summary>
/// Reads the payloads of frames other than DATA. Each method takes a whole frame as <see cref="FrameReader"/> delivers it
/// and returns null, or the violation with the scope and code RFC 9113 section 6 gives it.
/// </summary>
public static class FramePayload
{
    internal const int PingSize = 8;
    internal const int WindowUpdateSize = 4;
    internal const int ResetStreamSize = 4;
    internal const int GoAwayFixedSize = 8;
    private const int PrioritySize = 5;

    /// <summary>
    /// Checks a SETTINGS frame: nothing in an acknowledgement, values in range. Returns null if <see cref="Settings"/> may be
    /// applied, in order, all of them.
    /// </summary>
    /// <param name="header">The frame's header.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="fromServer">True if the sender is the server, which may not enable push.</param>
    public static Violation? CheckSettings(in FrameHeader header, ReadOnlySpan<byte> payload, bool fromServer)
    {
        if (header.Has(FrameFlags.Ack))
            return header.Length == 0 ? null : Violations.SettingsAckLength;
        if (header.Length % Setting.Size != 0)
            return Violations.SettingsLength;
        foreach (Setting setting in Settings(payload))
        {
            if (CheckSetting(setting, fromServer) is { } violation)
                return violation;
        }

        return null;
    }

    /// <summary>The entries of a checked SETTINGS payload, for <c>foreach</c>.</summary>
    public static SettingEntries Settings(ReadOnlySpan<byte> payload) => new(payload);

    /// <summary>Reads a PING's eight opaque bytes.</summary>
    public static Violation? ReadPing(in FrameHeader header, ReadOnlySpan<byte> payload, out ulong opaque)
    {
        opaque = 0;
        if (header.Length != PingSize)
            return Violations.PingLength;
        opaque = BinaryPrimitives.ReadUInt64BigEndian(payload);
        return null;
    }

    /// <summary>
    /// Reads a WINDOW_UPDATE's increment, 1 to 2^31-1. Zero is a stream error on a stream and a connection error on stream
    /// 0.
    /// </summary>
    public static Violation? ReadWindowUpdate(in FrameHeader header, ReadOnlySpan<byte> payload, out int increment)
    {
        increment = 0;
        if (header.Length != WindowUpdateSize)
            return Violations.WindowUpdateLength;
        increment = (int)(BinaryPrimitives.ReadUInt32BigEndian(payload) & int.MaxValue);
        if (increment != 0)
            return null;
        return header.StreamId == 0 ? Violations.ConnectionWindowUpdateZero : Violations.StreamWindowUpdateZero;
    }

    /// <summary>Reads a RST_STREAM's code.</summary>
    public static Violation? ReadResetStream(in FrameHeader header, ReadOnlySpan<byte> payload, out ErrorCode code)
    {
        code = ErrorCode.NoError;
        if (header.Length != ResetStreamSize)
            return Violations.ResetStreamLength;
        code = (ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload);
        return null;
    }

    /// <summary>Reads a GOAWAY.</summary>
    public static Violation? ReadGoAway(in FrameHeader header, ReadOnlySpan<byte> payload, out GoAway goAway)
    {
        goAway = default;
        if (header.Length < GoAwayFixedSize)
            return Violations.GoAwayLength;
        goAway = new GoAway
        {
            LastStreamId = (int)(BinaryPrimitives.ReadUInt32BigEndian(payload) & int.MaxValue),
            Code = (ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload[4..]),
            DebugData = payload[GoAwayFixedSize..],
        };
        return null;
    }

    /// <summary>Checks a PRIORITY frame, whose content is ignored: a wrong length is a stream error.</summary>
    public static Violation? CheckPriority(in FrameHeader header) => header.Length == PrioritySize ? null : Violations.PriorityLength;

    /// <summary>Takes padding and priority fields off a HEADERS frame and leaves the field block fragment.</summary>
    public static Violation? ReadHeaders(in FrameHeader header, ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> fragment)
    {
        fragment = default;
        int padding = 0;
        if (header.Has(FrameFlags.Padded))
        {
            if (payload.IsEmpty)
                return Violations.PadLengthMissing;
            padding = payload[0];
            payload = payload[1..];
        }

        if (header.Has(FrameFlags.Priority))
        {
            if (payload.Length < PrioritySize)
                return Violations.HeadersTooShort;
            payload = payload[PrioritySize..];
        }

        if (padding > payload.Length)
            return Violations.PaddingTooLong;
        fragment = payload[..^padding];
        return null;
    }

    private static Violation? CheckSetting(Setting setting, bool fromServer) => setting.Id switch
    {
        SettingId.EnablePush when setting.Value > (fromServer ? 0u : 1u) => Violations.EnablePushInvalid,
        SettingId.InitialWindowSize when setting.Value > int.MaxValue => Violations.InitialWindowSizeInvalid,
        SettingId.MaxFrameSize when setting.Value is < FrameReader.MinMaxFrameSize or > FrameHeader.MaxLength
            => Violations.MaxFrameSizeInvalid,
        SettingId.EnableConnectProtocol when setting.Value > 1 => Violations.EnableConnectProtocolInvalid,
        _ => null,
    };
}

/// <summary>What a GOAWAY says.</summary>
public readonly ref struct GoAway
{
    /// <summary>The highest stream id the sender may have acted upon.</summary>
    public required int LastStreamId { get; init; }

    /// <summary>Why.</summary>
    public required ErrorCode Code { get; init; }

    /// <summary>The beginning of the sender's free text; the peer's bytes, to be escaped before they are shown.</summary>
    public required ReadOnlySpan<byte> DebugData { get; init; }
}

/// <summary>Enumerates the entries of a SETTINGS payload.</summary>
public ref struct SettingEntries
{
    private ReadOnlySpan<byte> _rest;

    internal SettingEntries(ReadOnlySpan<byte> payload)
    {
        _rest = payload;
        Current = default;
    }

    /// <summary>The entry reached.</summary>
    public Setting Current { get; private set; }

    /// <summary>This enumerator, for <c>foreach</c>.</summary>
    public readonly SettingEntries GetEnumerator() => this;

    /// <summary>Goes to the next entry; false when there is none.</summary>
    public bool MoveNext()
    {
        if (_rest.Length < Setting.Size)
            return false;
        var id = (SettingId)BinaryPrimitives.ReadUInt16BigEndian(_rest);
        Current = new Setting(id, BinaryPrimitives.ReadUInt32BigEndian(_rest[2..]));
        _rest = _rest[Setting.Size..];
        return true;
    }
}

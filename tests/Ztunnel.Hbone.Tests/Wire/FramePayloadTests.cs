using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

/// <summary>What <see cref="FrameWriter"/> writes, <see cref="FramePayload"/> reads; and what each payload must not be.</summary>
public sealed class FramePayloadTests
{
    [Fact]
    public void Settings_are_read_in_order_as_written()
    {
        Setting[] settings =
        [
            new(SettingId.HeaderTableSize, 0),
            new(SettingId.HeaderTableSize, 4096),
            new((SettingId)0x4242, 7),
            new(SettingId.InitialWindowSize, int.MaxValue),
        ];
        FrameHeader header = Read(
            destination => FrameWriter.WriteSettings(destination, settings), FrameWriter.SettingsLength(4), out byte[] payload);
        Assert.Equal(new FrameHeader(24, FrameType.Settings, FrameFlags.None, 0), header);
        Assert.Null(FramePayload.CheckSettings(header, payload, fromServer: true));

        var read = new List<Setting>();
        foreach (Setting setting in FramePayload.Settings(payload))
            read.Add(setting);
        Assert.Equal(settings, read);
    }

    [Theory]
    [InlineData(SettingId.EnablePush, 0, true, null)]
    [InlineData(SettingId.EnablePush, 1, false, null)]
    [InlineData(SettingId.EnablePush, 1, true, nameof(Violations.EnablePushInvalid))]
    [InlineData(SettingId.EnablePush, 2, false, nameof(Violations.EnablePushInvalid))]
    [InlineData(SettingId.InitialWindowSize, 0x7fffffff, false, null)]
    [InlineData(SettingId.InitialWindowSize, 0x80000000, false, nameof(Violations.InitialWindowSizeInvalid))]
    [InlineData(SettingId.MaxFrameSize, 16384, false, null)]
    [InlineData(SettingId.MaxFrameSize, 16777215, false, null)]
    [InlineData(SettingId.MaxFrameSize, 16383, false, nameof(Violations.MaxFrameSizeInvalid))]
    [InlineData(SettingId.MaxFrameSize, 16777216, false, nameof(Violations.MaxFrameSizeInvalid))]
    [InlineData(SettingId.EnableConnectProtocol, 1, true, null)]
    [InlineData(SettingId.EnableConnectProtocol, 2, true, nameof(Violations.EnableConnectProtocolInvalid))]
    [InlineData(SettingId.MaxConcurrentStreams, 0xffffffff, true, null)]
    [InlineData(SettingId.MaxHeaderListSize, 0, true, null)]
    [InlineData((SettingId)0, 0xffffffff, true, null)]
    public void A_setting_out_of_range_breaks_the_connection(SettingId id, uint value, bool fromServer, string? violation)
    {
        FrameHeader header = Read(
            destination => FrameWriter.WriteSettings(destination, [new Setting(id, value)]), FrameWriter.SettingsLength(1), out byte[] payload);
        Assert.Same(Named(violation), FramePayload.CheckSettings(header, payload, fromServer));
    }

    [Fact]
    public void A_settings_acknowledgement_is_empty()
    {
        FrameHeader header = Read(destination => FrameWriter.WriteSettingsAck(destination), FrameHeader.Size, out byte[] payload);
        Assert.Equal(new FrameHeader(0, FrameType.Settings, FrameFlags.Ack, 0), header);
        Assert.Null(FramePayload.CheckSettings(header, payload, fromServer: false));
        Assert.Same(Violations.SettingsAckLength, FramePayload.CheckSettings(header with { Length = 6 }, new byte[6], fromServer: false));
        header = new FrameHeader(7, FrameType.Settings, FrameFlags.None, 0);
        Assert.Same(Violations.SettingsLength, FramePayload.CheckSettings(header, new byte[7], fromServer: false));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_ping_carries_eight_opaque_bytes(bool ack)
    {
        FrameHeader header = Read(
            destination => FrameWriter.WritePing(destination, 0x0102030405060708, ack), FrameWriter.PingLength, out byte[] payload);
        Assert.Equal(new FrameHeader(8, FrameType.Ping, ack ? FrameFlags.Ack : FrameFlags.None, 0), header);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], payload);
        Assert.Null(FramePayload.ReadPing(header, payload, out ulong opaque));
        Assert.Equal(0x0102030405060708ul, opaque);
        Assert.Same(Violations.PingLength, FramePayload.ReadPing(header with { Length = 7 }, [], out _));
    }

    [Fact]
    public void A_window_update_of_zero_costs_the_stream_or_the_connection()
    {
        FrameHeader header = Read(
            destination => FrameWriter.WriteWindowUpdate(destination, 5, int.MaxValue), FrameWriter.WindowUpdateLength, out byte[] payload);
        Assert.Equal(new FrameHeader(4, FrameType.WindowUpdate, FrameFlags.None, 5), header);
        Assert.Null(FramePayload.ReadWindowUpdate(header, payload, out int increment));
        Assert.Equal(int.MaxValue, increment);

        // The reserved bit does not count.
        Assert.Same(Violations.StreamWindowUpdateZero, FramePayload.ReadWindowUpdate(header, [0x80, 0, 0, 0], out _));
        Assert.Same(Violations.ConnectionWindowUpdateZero, FramePayload.ReadWindowUpdate(header with { StreamId = 0 }, new byte[4], out _));
        Assert.Equal(ViolationScope.Stream, Violations.StreamWindowUpdateZero.Scope);
        Assert.Equal(ViolationScope.Connection, Violations.ConnectionWindowUpdateZero.Scope);
        Assert.Same(Violations.WindowUpdateLength, FramePayload.ReadWindowUpdate(header with { Length = 5 }, [], out _));
    }

    [Fact]
    public void A_reset_carries_its_code_even_an_unknown_one()
    {
        FrameHeader header = Read(
            destination => FrameWriter.WriteResetStream(destination, 7, (ErrorCode)0xdeadbeef), FrameWriter.ResetStreamLength, out byte[] payload);
        Assert.Equal(new FrameHeader(4, FrameType.ResetStream, FrameFlags.None, 7), header);
        Assert.Null(FramePayload.ReadResetStream(header, payload, out ErrorCode code));
        Assert.Equal((ErrorCode)0xdeadbeef, code);
        Assert.Same(Violations.ResetStreamLength, FramePayload.ReadResetStream(header with { Length = 3 }, [], out _));
    }

    [Fact]
    public void A_goaway_names_the_last_stream_and_the_reason()
    {
        FrameHeader header = Read(
            destination => FrameWriter.WriteGoAway(destination, 9, ErrorCode.EnhanceYourCalm, "too many"u8), FrameWriter.GoAwayLength(8), out byte[] payload);
        Assert.Equal(new FrameHeader(16, FrameType.GoAway, FrameFlags.None, 0), header);
        Assert.Null(FramePayload.ReadGoAway(header, payload, out GoAway goAway));
        Assert.Equal((9, ErrorCode.EnhanceYourCalm), (goAway.LastStreamId, goAway.Code));
        Assert.Equal("too many"u8, goAway.DebugData);
        Assert.Same(Violations.GoAwayLength, FramePayload.ReadGoAway(header with { Length = 7 }, new byte[7], out _));
    }

    [Fact]
    public void A_priority_of_a_wrong_length_costs_the_stream_only()
    {
        Assert.Null(FramePayload.CheckPriority(new FrameHeader(5, FrameType.Priority, FrameFlags.None, 1)));
        Violation? violation = FramePayload.CheckPriority(new FrameHeader(4, FrameType.Priority, FrameFlags.None, 1));
        Assert.Equal((ViolationScope.Stream, ErrorCode.FrameSizeError), (violation!.Scope, violation.Code));
    }

    [Theory]
    [InlineData(FrameFlags.None, "0102", "0102", null)]
    [InlineData(FrameFlags.Padded, "000102", "0102", null)]
    [InlineData(FrameFlags.Padded, "0201020000", "0102", null)]
    [InlineData(FrameFlags.Priority, "80000003100102", "0102", null)]
    [InlineData(FrameFlags.Padded | FrameFlags.Priority, "018000000310010200", "0102", null)]
    [InlineData(FrameFlags.Padded | FrameFlags.Priority, "018000000310ee", "", null)]
    [InlineData(FrameFlags.Padded, "", "", nameof(Violations.PadLengthMissing))]
    [InlineData(FrameFlags.Padded, "0301", "", nameof(Violations.PaddingTooLong))]
    [InlineData(FrameFlags.Priority, "80000003", "", nameof(Violations.HeadersTooShort))]
    [InlineData(FrameFlags.Padded | FrameFlags.Priority, "02800000031001", "", nameof(Violations.PaddingTooLong))]
    public void Padding_and_priority_are_taken_off_a_headers_frame(FrameFlags flags, string hex, string fragment, string? violation)
    {
        byte[] payload = Convert.FromHexString(hex);
        var header = new FrameHeader(payload.Length, FrameType.Headers, flags, 1);
        Violation? found = FramePayload.ReadHeaders(header, payload, out ReadOnlySpan<byte> read);
        Assert.Same(Named(violation), found);
        Assert.Equal(fragment, Convert.ToHexStringLower(read));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(10, 1)]
    [InlineData(11, 2)]
    [InlineData(35, 4)]
    public void A_field_block_is_cut_into_headers_and_continuations(int length, int frames)
    {
        const int MaxFrameSize = 10;
        byte[] block = [.. Enumerable.Range(0, length).Select(i => (byte)i)];

        // Once from elsewhere and once in place, where the encoder put it.
        byte[] apart = new byte[FrameWriter.HeadersLength(length, MaxFrameSize)];
        Assert.Equal(apart.Length, FrameWriter.WriteHeaders(apart, 3, endStream: true, block, MaxFrameSize));
        byte[] inPlace = new byte[apart.Length];
        block.CopyTo(inPlace, FrameHeader.Size);
        FrameWriter.WriteHeaders(inPlace, 3, endStream: true, inPlace.AsSpan(FrameHeader.Size, length), MaxFrameSize);
        Assert.Equal(apart, inPlace);

        byte[] joined = [];
        int offset = 0;
        for (int i = 0; i < frames; i++)
        {
            Assert.True(FrameHeader.TryRead(apart.AsSpan(offset), out FrameHeader header));
            FrameFlags flags = i == frames - 1 ? FrameFlags.EndHeaders : FrameFlags.None;
            if (i == 0)
                flags |= FrameFlags.EndStream;
            Assert.Equal(new FrameHeader(header.Length, i == 0 ? FrameType.Headers : FrameType.Continuation, flags, 3), header);
            joined = [.. joined, .. apart.AsSpan(offset + FrameHeader.Size, header.Length)];
            offset += FrameHeader.Size + header.Length;
        }

        Assert.Equal(apart.Length, offset);
        Assert.Equal(block, joined);
    }

    private static FrameHeader Read(Func<byte[], int> write, int length, out byte[] payload)
    {
        byte[] frame = new byte[length];
        Assert.Equal(length, write(frame));
        Assert.True(FrameHeader.TryRead(frame, out FrameHeader header));
        payload = frame[FrameHeader.Size..];
        return header;
    }

    private static Violation? Named(string? name) =>
        name is null ? null : (Violation)typeof(Violations).GetProperty(name)!.GetValue(null)!;
}

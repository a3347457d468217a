using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class FrameReaderTests
{
    private const int MaxFrameSize = 20_000;
    private const int MaxHeaderFragment = 1000;

    [Fact]
    public void A_header_is_nine_bytes_and_drops_the_reserved_bit()
    {
        byte[] bytes = [0x01, 0x02, 0x03, 0x00, 0x09, 0xff, 0xff, 0xff, 0xfe, 0x77];
        Assert.True(FrameHeader.TryRead(bytes, out FrameHeader header));
        Assert.Equal(new FrameHeader(0x010203, FrameType.Data, FrameFlags.EndStream | FrameFlags.Padded, 0x7ffffffe), header);
        Assert.False(FrameHeader.TryRead(bytes.AsSpan(0, 8), out _));

        byte[] written = new byte[FrameHeader.Size];
        header.Write(written);
        Assert.Equal([0x01, 0x02, 0x03, 0x00, 0x09, 0x7f, 0xff, 0xff, 0xfe], written);
    }

    [Fact]
    public void Frames_in_one_piece_are_lent_out_of_the_input()
    {
        byte[] input =
        [
            .. FrameScript.Frame(FrameType.Ping, FrameFlags.None, 0, new byte[8]),
            .. FrameScript.Frame(FrameType.Data, FrameFlags.None, 1, 1, 2, 3),
        ];
        using FrameReader reader = Reader();

        Assert.Equal(FrameReadStatus.Frame, reader.Read(input, out int consumed, out FrameSlice ping));
        Assert.True(input.AsSpan().Overlaps(ping.Payload, out int at));
        Assert.Equal((17, 9), (consumed, at));
        Assert.Equal(FrameReadStatus.Frame, reader.Read(input.AsSpan(consumed), out int more, out FrameSlice data));
        Assert.True(input.AsSpan().Overlaps(data.Payload, out at));
        Assert.Equal((12, 26), (more, at));
        Assert.Equal(FrameReadStatus.NeedMore, reader.Read([], out _, out _));
    }

    [Fact]
    public void Data_comes_in_the_pieces_it_arrives_in_and_only_the_last_one_ends_the_frame()
    {
        byte[] frame = FrameScript.Frame(FrameType.Data, FrameFlags.EndStream | FrameFlags.Padded, 3, 2, 10, 11, 12, 0, 0);
        using FrameReader reader = Reader();

        Assert.Equal(FrameReadStatus.Frame, reader.Read(frame.AsSpan(0, 12), out int consumed, out FrameSlice first));
        Assert.Equal((12, true, false, 6), (consumed, first.IsFirst, first.IsLast, first.Header.Length));
        Assert.Equal([10, 11], first.Payload.ToArray());
        Assert.Equal(FrameReadStatus.NeedMore, reader.Read([], out _, out _));

        // END_STREAM need not wait for the padding.
        Assert.Equal(FrameReadStatus.Frame, reader.Read(frame.AsSpan(12, 1), out _, out FrameSlice last));
        Assert.Equal((false, true), (last.IsFirst, last.IsLast));
        Assert.Equal([12], last.Payload.ToArray());
        Assert.Equal(FrameReadStatus.NeedMore, reader.Read(frame.AsSpan(13), out consumed, out _));
        Assert.Equal(2, consumed);
    }

    [Theory]
    [InlineData(FrameFlags.EndStream, new byte[0])]
    [InlineData(FrameFlags.EndStream | FrameFlags.Padded, new byte[] { 0 })]
    [InlineData(FrameFlags.EndStream | FrameFlags.Padded, new byte[] { 3, 0, 0, 0 })]
    public void Data_without_bytes_is_one_empty_piece(FrameFlags flags, byte[] payload)
    {
        List<string> lines = FrameScript.Read(Reader(), [FrameScript.Frame(FrameType.Data, flags, 1, payload)]);
        Assert.Equal([$"{new FrameHeader(payload.Length, FrameType.Data, flags, 1)} "], lines);
    }

    [Theory]
    [InlineData(0, nameof(Violations.PadLengthMissing))]
    [InlineData(1, nameof(Violations.PaddingTooLong))]
    [InlineData(5, nameof(Violations.PaddingTooLong))]
    public void Padding_that_does_not_fit_breaks_the_connection(int length, string violation)
    {
        byte[] payload = new byte[length];
        payload.AsSpan().Fill((byte)length);
        AssertViolates(violation, FrameScript.Frame(FrameType.Data, FrameFlags.Padded, 1, payload));
    }

    [Theory]
    [InlineData(FrameType.Data, 0, 1, nameof(Violations.StreamIdZero))]
    [InlineData(FrameType.Headers, 0, 1, nameof(Violations.StreamIdZero))]
    [InlineData(FrameType.Priority, 0, 5, nameof(Violations.StreamIdZero))]
    [InlineData(FrameType.ResetStream, 0, 4, nameof(Violations.StreamIdZero))]
    [InlineData(FrameType.Continuation, 0, 4, nameof(Violations.StreamIdZero))]
    [InlineData(FrameType.Settings, 1, 0, nameof(Violations.StreamIdNotZero))]
    [InlineData(FrameType.Ping, 1, 8, nameof(Violations.StreamIdNotZero))]
    [InlineData(FrameType.GoAway, 1, 8, nameof(Violations.StreamIdNotZero))]
    [InlineData(FrameType.PushPromise, 2, 8, nameof(Violations.PushPromise))]
    [InlineData(FrameType.Data, 1, MaxFrameSize + 1, nameof(Violations.FrameTooLarge))]
    [InlineData((FrameType)0x77, 1, MaxFrameSize + 1, nameof(Violations.FrameTooLarge))]
    [InlineData(FrameType.Headers, 1, MaxHeaderFragment + 1, nameof(Violations.FieldBlockTooLarge))]
    [InlineData(FrameType.Continuation, 1, MaxHeaderFragment + 1, nameof(Violations.FieldBlockTooLarge))]
    [InlineData(FrameType.Settings, 0, FrameReader.MaxSettingsPayload + 6, nameof(Violations.SettingsTooMany))]
    public void A_header_that_is_wrong_in_itself_breaks_the_connection_before_its_payload_comes(
        FrameType type, int stream, int length, string violation)
    {
        byte[] header = new byte[FrameHeader.Size];
        new FrameHeader(length, type, FrameFlags.None, stream).Write(header);
        AssertViolates(violation, header);
    }

    [Fact]
    public void After_a_violation_nothing_more_is_read()
    {
        using FrameReader reader = Reader();
        byte[] push = FrameScript.Frame(FrameType.PushPromise, FrameFlags.None, 2, 0, 0, 0, 4);
        Assert.Equal(FrameReadStatus.Violation, reader.Read(push, out _, out _));
        byte[] ping = FrameScript.Frame(FrameType.Ping, FrameFlags.None, 0, new byte[8]);
        Assert.Equal(FrameReadStatus.Violation, reader.Read(ping, out int consumed, out _));
        Assert.Equal(0, consumed);
    }

    [Fact]
    public void Extension_frames_and_frames_of_a_wrong_length_are_reported_and_skipped()
    {
        byte[] ping = FrameScript.Frame(FrameType.Ping, FrameFlags.None, 0, new byte[8]);
        List<string> lines = FrameScript.Read(
            Reader(),
            [
                FrameScript.Frame((FrameType)0xfa, FrameFlags.None, 0, new byte[MaxFrameSize]), ping,
                FrameScript.Frame(FrameType.Priority, FrameFlags.None, 1, new byte[6]), ping,
            ]);
        string pong = $"{new FrameHeader(8, FrameType.Ping, FrameFlags.None, 0)} 0000000000000000";
        Assert.Equal(
            [
                $"{new FrameHeader(MaxFrameSize, (FrameType)0xfa, FrameFlags.None, 0)} ", pong,
                $"{new FrameHeader(6, FrameType.Priority, FrameFlags.None, 1)} ", pong,
            ],
            lines);
    }

    [Fact]
    public void Of_a_long_goaway_the_beginning_is_kept()
    {
        byte[] goAway = FrameScript.Frame(FrameType.GoAway, FrameFlags.None, 0, [0, 0, 0, 5, 0, 0, 0, 0xb, .. new byte[10_000]]);
        using FrameReader reader = Reader();
        Assert.Equal(FrameReadStatus.Frame, reader.Read(goAway, out _, out FrameSlice frame));
        Assert.Null(FramePayload.ReadGoAway(frame.Header, frame.Payload, out GoAway read));
        Assert.Equal((5, ErrorCode.EnhanceYourCalm, 256), (read.LastStreamId, read.Code, read.DebugData.Length));
    }

    [Fact]
    public void A_server_reads_the_preface_first()
    {
        byte[] ping = FrameScript.Frame(FrameType.Ping, FrameFlags.None, 0, new byte[8]);
        byte[] stream = [.. ConnectionPreface.Bytes, .. ping];
        Assert.Single(FrameScript.Read(new FrameReader(true, MaxFrameSize, MaxHeaderFragment), [stream]));
        Assert.Single(FrameScript.Read(new FrameReader(true, MaxFrameSize, MaxHeaderFragment), stream.Select(b => new[] { b })));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX")]
    public void Anything_but_the_preface_is_refused_at_its_first_wrong_byte(string start)
    {
        byte[][] bytes = [.. start.Select(c => new[] { (byte)c })];
        foreach (byte[][] pieces in new[] { bytes, [[.. bytes.SelectMany(b => b)]] })
        {
            var reader = new FrameReader(true, MaxFrameSize, MaxHeaderFragment);
            Assert.Equal([Violations.PrefaceInvalid.Detail], FrameScript.Read(reader, pieces));
        }
    }

    [Fact]
    public void Reading_frames_in_one_piece_allocates_nothing()
    {
        byte[] input =
        [
            .. FrameScript.Frame(FrameType.Headers, FrameFlags.EndHeaders, 1, new byte[100]),
            .. FrameScript.Frame(FrameType.Data, FrameFlags.None, 1, new byte[1000]),
        ];
        using FrameReader reader = Reader();
        long before = 0;
        for (int i = 0; i < 20; i++)
        {
            if (i == 10)
                before = GC.GetAllocatedBytesForCurrentThread();
            for (int offset = 0; reader.Read(input.AsSpan(offset), out int consumed, out _) == FrameReadStatus.Frame;)
                offset += consumed;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void An_announced_length_costs_no_memory_before_the_bytes_come()
    {
        byte[] begun = FrameScript.Frame(FrameType.Headers, FrameFlags.None, 1, new byte[65536])[..20];
        FrameReader[] readers = [.. Enumerable.Range(0, 200).Select(_ => new FrameReader(false, 1 << 20, 65536))];
        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (FrameReader reader in readers)
            Assert.Equal(FrameReadStatus.NeedMore, reader.Read(begun, out _, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200 * 1000);
        foreach (FrameReader reader in readers)
            reader.Dispose();
    }

    private static FrameReader Reader() => new(false, MaxFrameSize, MaxHeaderFragment);

    private static void AssertViolates(string violation, byte[] bytes)
    {
        using FrameReader reader = Reader();
        Assert.Equal(FrameReadStatus.Violation, reader.Read(bytes, out _, out _));
        Assert.Same(typeof(Violations).GetProperty(violation)!.GetValue(null), reader.Violation);
        Assert.Equal(ViolationScope.Connection, reader.Violation!.Scope);
    }
}

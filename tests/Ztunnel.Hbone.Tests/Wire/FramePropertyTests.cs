using FsCheck;
using FsCheck.Fluent;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class FramePropertyTests
{
    private static Gen<byte[]> AnyFrame { get; } =
        from type in Gen.Frequency((5, Gen.Constant(0)), (4, Gen.Choose(1, 12)))
        from flags in Gen.Elements(0, 1, 4, 8, 9, 0x20, 0x2d, 0xff)
        from stream in Gen.Elements(0, 1, 1, 1, 3, int.MaxValue)
        from length in Gen.Frequency(
            (3, Gen.Elements(0, 1, 4, 5, 6, 8)), (2, Gen.Choose(0, 400)), (1, Gen.Choose(900, 1100)), (1, Gen.Choose(19_990, 20_010)))
        from fill in Gen.Choose(0, 255)
        let payload = Enumerable.Range(0, length).Select(i => (byte)(fill + i)).ToArray()
        select FrameScript.Frame((FrameType)type, (FrameFlags)flags, stream, payload);

    [Fact]
    public void Any_split_of_a_byte_stream_gives_the_same_frames()
    {
        Gen<int> pieceLength = Gen.Frequency((4, Gen.Choose(1, 3)), (2, Gen.Choose(4, 40)), (2, Gen.Choose(0, 5000)));
        Prop.ForAll(AnyFrame.ListOf().ToArbitrary(), pieceLength.NonEmptyListOf().ToArbitrary(), (frames, lengths) =>
        {
            byte[] stream = [.. frames.SelectMany(frame => frame)];
            List<string> whole = FrameScript.Read(Reader(), [stream]);
            Assert.Equal(whole, FrameScript.Read(Reader(), Split(stream, [.. lengths])));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(600));
    }

    [Fact]
    public void A_short_stream_split_at_every_byte_gives_the_same_frames()
    {
        byte[] stream =
        [
            .. FrameScript.Frame(FrameType.Settings, FrameFlags.None, 0, new byte[6]),
            .. FrameScript.Frame(FrameType.Headers, FrameFlags.EndHeaders, 1, new byte[10]),
            .. FrameScript.Frame(FrameType.Data, FrameFlags.Padded, 1, 2, 7, 8, 9, 0, 0),
            .. FrameScript.Frame((FrameType)0x42, FrameFlags.None, 0, 1, 2, 3),
            .. FrameScript.Frame(FrameType.Data, FrameFlags.EndStream, 1),
            .. FrameScript.Frame(FrameType.Ping, FrameFlags.None, 0, new byte[8]),
        ];
        List<string> whole = FrameScript.Read(Reader(), [stream]);
        Assert.Equal(6, whole.Count);
        for (int at = 0; at <= stream.Length; at++)
            Assert.Equal(whole, FrameScript.Read(Reader(), [stream[..at], stream[at..]]));
        Assert.Equal(whole, FrameScript.Read(Reader(), stream.Select(b => new[] { b })));
    }

    [Fact]
    public void Random_bytes_never_throw_and_are_always_used_up_or_refused()
    {
        Gen<byte[]> any = Gen.Frequency((2, Gen.Constant(0)), (1, Gen.Choose(0, 255))).Select(value => (byte)value).ArrayOf();
        Prop.ForAll(any.ListOf().ToArbitrary(), pieces =>
        {
            foreach (string line in FrameScript.Read(Reader(), pieces))
                Assert.NotEmpty(line);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
    }

    [Fact]
    public void Every_payload_reader_takes_every_frame_the_frame_reader_delivers()
    {
        Prop.ForAll(AnyFrame.ToArbitrary(), bytes =>
        {
            using FrameReader reader = Reader();
            int offset = 0;
            while (reader.Read(bytes.AsSpan(offset), out int consumed, out FrameSlice frame) == FrameReadStatus.Frame)
            {
                ReadPayload(frame);
                offset += consumed;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static FrameReader Reader() => new(false, 20_000, 1000);

    private static void ReadPayload(FrameSlice frame)
    {
        FrameHeader header = frame.Header;
        Violation? violation = header.Type switch
        {
            FrameType.Headers => FramePayload.ReadHeaders(header, frame.Payload, out _),
            FrameType.Priority => FramePayload.CheckPriority(header),
            FrameType.ResetStream => FramePayload.ReadResetStream(header, frame.Payload, out _),
            FrameType.Settings => FramePayload.CheckSettings(header, frame.Payload, fromServer: true),
            FrameType.Ping => FramePayload.ReadPing(header, frame.Payload, out _),
            FrameType.GoAway => FramePayload.ReadGoAway(header, frame.Payload, out _),
            FrameType.WindowUpdate => FramePayload.ReadWindowUpdate(header, frame.Payload, out _),
            _ => null,
        };
        Assert.NotEqual(ErrorCode.NoError, violation?.Code ?? ErrorCode.InternalError);
    }

    private static IEnumerable<byte[]> Split(byte[] stream, int[] lengths)
    {
        int offset = 0;
        for (int i = 0; offset < stream.Length; i++)
        {
            // An empty piece now and then, but not for ever.
            int extra = i % lengths.Length == lengths.Length - 1 ? 1 : 0;
            int length = Math.Min(lengths[i % lengths.Length] + extra, stream.Length - offset);
            yield return stream[offset..(offset + length)];
            offset += length;
        }
    }
}

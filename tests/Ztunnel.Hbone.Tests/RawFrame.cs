using System.Buffers.Binary;
using System.Text;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests;

/// <summary>A frame as it is on the wire, made and read without the code under test.</summary>
internal sealed record RawFrame(byte Type, byte Flags, int StreamId, byte[] Payload)
{
    public const byte Data = 0;
    public const byte HeadersType = 1;
    public const byte Priority = 2;
    public const byte ResetType = 3;
    public const byte SettingsType = 4;
    public const byte PushPromise = 5;
    public const byte PingType = 6;
    public const byte GoAwayType = 7;
    public const byte WindowUpdateType = 8;
    public const byte ContinuationType = 9;

    public const byte EndStream = 1;
    public const byte Ack = 1;
    public const byte EndHeaders = 4;
    public const byte Padded = 8;

    public static byte[] Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    /// <summary>The header block of a CONNECT, without compression.</summary>
    public static byte[] ConnectBlock => [.. Field(":method", "CONNECT"), .. Field(":authority", "10.0.0.1:80")];

    /// <summary>The header block of a 200, without compression.</summary>
    public static byte[] OkBlock => Field(":status", "200");

    public int Code => BinaryPrimitives.ReadInt32BigEndian(Type == GoAwayType ? Payload.AsSpan(4) : Payload);

    public int LastStreamId => BinaryPrimitives.ReadInt32BigEndian(Payload);

    public int Increment => BinaryPrimitives.ReadInt32BigEndian(Payload);

    public byte[] Bytes
    {
        get
        {
            byte[] bytes = new byte[9 + Payload.Length];
            BinaryPrimitives.WriteInt32BigEndian(bytes, Payload.Length << 8);
            bytes[3] = Type;
            bytes[4] = Flags;
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(5), StreamId);
            Payload.CopyTo(bytes.AsSpan(9));
            return bytes;
        }
    }

    public bool Has(byte flag) => (Flags & flag) != 0;

    public static RawFrame Settings(params (SettingId Id, uint Value)[] entries)
    {
        byte[] payload = new byte[6 * entries.Length];
        for (int i = 0; i < entries.Length; i++)
        {
            BinaryPrimitives.WriteUInt16BigEndian(payload.AsSpan(6 * i), (ushort)entries[i].Id);
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(6 * i + 2), entries[i].Value);
        }

        return new RawFrame(SettingsType, 0, 0, payload);
    }

    public static RawFrame SettingsAck() => new(SettingsType, Ack, 0, []);

    public static RawFrame Headers(int streamId, byte[] block, byte flags = EndHeaders) => new(HeadersType, flags, streamId, block);

    public static RawFrame Connect(int streamId) => Headers(streamId, ConnectBlock);

    public static RawFrame Continuation(int streamId, byte[] block, byte flags = 0) => new(ContinuationType, flags, streamId, block);

    public static RawFrame DataOf(int streamId, byte[] payload, byte flags = 0) => new(Data, flags, streamId, payload);

    public static RawFrame Reset(int streamId, ErrorCode code) => new(ResetType, 0, streamId, Word((int)code));

    public static RawFrame WindowUpdate(int streamId, int increment) => new(WindowUpdateType, 0, streamId, Word(increment));

    public static RawFrame Ping(byte flags = 0, byte fill = 7) => new(PingType, flags, 0, [.. Enumerable.Repeat(fill, 8)]);

    public static RawFrame GoAway(int lastStreamId, ErrorCode code) => new(GoAwayType, 0, 0, [.. Word(lastStreamId), .. Word((int)code)]);

    /// <summary>A literal field without indexing, without Huffman coding (RFC 7541 section 6.2.2).</summary>
    public static byte[] Field(string name, string value) =>
        [0, .. Text(name), .. Text(value)];

    private static byte[] Text(string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        return bytes.Length < 127
            ? [(byte)bytes.Length, .. bytes]
            : [127, .. Integer(bytes.Length - 127), .. bytes];
    }

    private static byte[] Integer(int rest)
    {
        List<byte> bytes = [];
        for (; rest >= 128; rest >>= 7)
            bytes.Add((byte)(0x80 | (rest & 0x7f)));
        bytes.Add((byte)rest);
        return [.. bytes];
    }

    private static byte[] Word(int value)
    {
        byte[] word = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(word, value);
        return word;
    }
}

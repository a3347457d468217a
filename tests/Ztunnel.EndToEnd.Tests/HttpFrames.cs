using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>HTTP/2 written by hand over a stream (RFC 9113, RFC 7541), sharing no code with ours: whatever a test likes to send.</summary>
internal sealed class HttpFrames(Stream stream) : IAsyncDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte WindowUpdate = 8;
    public const byte Continuation = 9;

    public const byte EndStream = 1;
    public const byte Acknowledge = 1;
    public const byte EndHeaders = 4;

    /// <summary>Says that HTTP/2 is spoken.</summary>
    public async Task Begin()
    {
        await stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await Write(Settings, 0, 0, []);
    }

    public Task Write(byte type, byte flags, int id, byte[] payload) => Write(Frame(type, flags, id, payload));

    public async Task Write(byte[] bytes) => await stream.WriteAsync(bytes).AsTask().WaitAsync(MeshLab.Patience);

    /// <summary>The bytes of a frame.</summary>
    public static byte[] Frame(byte type, byte flags, int id, byte[] payload)
    {
        byte[] frame = [(byte)(payload.Length >> 16), 0, 0, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(1), (ushort)payload.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), id);
        return frame;
    }

    /// <summary>Fields as literals that are not put into the table, without Huffman coding.</summary>
    public static byte[] Block(params (string Name, string Value)[] fields) =>
        [.. fields.SelectMany(field => new byte[] { 0 }.Concat(Text(field.Name)).Concat(Text(field.Value)))];

    /// <summary>The next frame; null at the end. Acknowledges SETTINGS.</summary>
    public async Task<(byte Type, byte Flags, int Id, byte[] Payload)?> Read()
    {
        using var deadline = new CancellationTokenSource(MeshLab.Patience);
        byte[] head = new byte[9];
        try
        {
            await stream.ReadExactlyAsync(head, deadline.Token);
            byte[] payload = new byte[(head[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(1))];
            await stream.ReadExactlyAsync(payload, deadline.Token);
            if (head[3] == Settings && (head[4] & Acknowledge) == 0)
                await Write(Settings, Acknowledge, 0, []);
            return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)) & int.MaxValue, payload);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Reads until a frame comes; throws <see cref="IOException"/> at the end.</summary>
    public async Task<byte[]> ReadUntil(byte type, int id)
    {
        while (true)
        {
            var frame = await Read() ?? throw new IOException("The other side has ended the connection.");
            if (frame.Type == type && frame.Id == id)
                return frame.Payload;
        }
    }

    /// <summary>The status in an answer's header block, where it comes first.</summary>
    public static int Status(byte[] block)
    {
        // Static table entries 8 to 14 are whole statuses; else a literal with one of them as its name, digits not Huffman-coded.
        int[] known = [200, 204, 206, 304, 400, 404, 500];
        if (block[0] is >= 0x88 and <= 0x8e)
            return known[block[0] - 0x88];
        return (block[1] & 0x80) == 0
            ? int.Parse(block.AsSpan(2, block[1]), CultureInfo.InvariantCulture)
            : throw new InvalidDataException($"a Huffman-coded status: {Convert.ToHexString(block)}");
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private static byte[] Text(string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127)
            return [(byte)bytes.Length, .. bytes];
        var length = new List<byte> { 127 };
        int rest = bytes.Length - 127;
        for (; rest >= 128; rest /= 128)
            length.Add((byte)((rest % 128) | 128));
        return [.. length, (byte)rest, .. bytes];
    }
}

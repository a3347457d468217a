using System.Buffers.Binary;

namespace Ztunnel.Testing.Api;

/// <summary>
/// The server's end of a SPDY/3.1 connection, as far as kubectl needs it to run a command and read what it writes: before 1.30 it
/// speaks nothing else. Streams are the client's, and known by the order in which it opens them: what their headers say is compressed
/// with a dictionary of the protocol's, and not read.
/// </summary>
internal sealed class SpdyConnection(Stream transport)
{
    private const int HeadLength = 8;
    private const byte Fin = 1;
    private const ushort Control = 0x8003;
    private const ushort SynStream = 1, SynReply = 2, Ping = 6;

    /// <summary>The most that one frame carries here; the protocol's own limit is 16 MiB.</summary>
    private const int MostData = 64 * 1024;

    /// <summary>A list of no headers: a count of 0 in a stored block, and an empty block by which it is flushed. The first of a connection begins its zlib stream.</summary>
    private static readonly byte[] NoHeaders = [0, 4, 0, 0xfb, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

    private bool _replied;

    /// <summary>Waits until the client has opened so many streams, and accepts them. Returns their ids.</summary>
    public async Task<IReadOnlyList<uint>> Accept(int count, CancellationToken cancellationToken)
    {
        List<uint> streams = [];
        while (streams.Count < count)
        {
            (ushort type, byte[] body) = await Read(cancellationToken) ?? throw new EndOfStreamException("kubectl went away before it had opened its streams");
            if (type != SynStream)
                continue;
            uint stream = BinaryPrimitives.ReadUInt32BigEndian(body);
            await Write(SynReply, [.. body.AsSpan(0, 4), .. _replied ? [] : (byte[])[0x78, 0x01], .. NoHeaders], cancellationToken);
            _replied = true;
            streams.Add(stream);
        }

        return streams;
    }

    /// <summary>Sends all there is to say on a stream, and its end.</summary>
    public async Task Send(uint stream, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        do
        {
            ReadOnlyMemory<byte> part = bytes[..Math.Min(bytes.Length, MostData)];
            bytes = bytes[part.Length..];
            byte[] frame = new byte[HeadLength + part.Length];
            BinaryPrimitives.WriteUInt32BigEndian(frame, stream);
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)part.Length | (bytes.IsEmpty ? (uint)Fin << 24 : 0));
            part.CopyTo(frame.AsMemory(HeadLength));
            await transport.WriteAsync(frame, cancellationToken);
        }
        while (!bytes.IsEmpty);
    }

    /// <summary>Waits until the client goes, which it does once it has read everything.</summary>
    public async Task UntilGone(CancellationToken cancellationToken)
    {
        while (await Read(cancellationToken) is not null)
        {
        }
    }

    /// <summary>The next control frame's type and body, with other frames' as type 0; null at the end. Answers pings.</summary>
    private async Task<(ushort Type, byte[] Body)?> Read(CancellationToken cancellationToken)
    {
        byte[] head = new byte[HeadLength];
        if (await transport.ReadAtLeastAsync(head, HeadLength, throwOnEndOfStream: false, cancellationToken) < HeadLength)
            return null;
        byte[] body = new byte[BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(4)) & 0xffffff];
        await transport.ReadExactlyAsync(body, cancellationToken);
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(head) == Control ? BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(2)) : (ushort)0;
        if (type == Ping)
            await Write(Ping, body, cancellationToken);
        return (type, body);
    }

    private async Task Write(ushort type, byte[] body, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[HeadLength + body.Length];
        BinaryPrimitives.WriteUInt16BigEndian(frame, Control);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), type);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), (uint)body.Length);
        body.CopyTo(frame, HeadLength);
        await transport.WriteAsync(frame, cancellationToken);
    }
}

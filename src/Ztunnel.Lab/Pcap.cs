using System.Buffers.Binary;
using System.Net;

namespace Ztunnel.Lab;

/// <summary>Reads the pcap files tcpdump writes for Ethernet (draft-ietf-opsawg-pcap, link type 1), in this machine's byte order.</summary>
internal static class Pcap
{
    private const uint MicrosecondMagic = 0xa1b2c3d4;
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    /// <summary>The frames of a file in order. Throws <see cref="LabException"/> when it is not such a file or ends within a frame.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Frames(ReadOnlyMemory<byte> file)
    {
        if (file.Length < FileHeader || Read32(file, 0) != MicrosecondMagic || Read32(file, 20) != 1)
            throw new LabException("this is not a pcap file of Ethernet frames");
        for (int at = FileHeader; at < file.Length;)
        {
            int captured = at + RecordHeader <= file.Length ? (int)Read32(file, at + 8) : int.MaxValue;
            if (captured != (int)Read32(file, at + 12) || captured > file.Length - at - RecordHeader)
                throw new LabException($"the pcap file has a frame cut short at byte {at}");
            yield return file.Slice(at + RecordHeader, captured);
            at += RecordHeader + captured;
        }
    }

    /// <summary>The TCP segment in an Ethernet frame, or null when it carries something else.</summary>
    public static TcpSegment? Tcp(ReadOnlyMemory<byte> frame)
    {
        if (frame.Length < 14)
            return null;
        ReadOnlyMemory<byte> packet = frame[14..];
        return BinaryPrimitives.ReadUInt16BigEndian(frame.Span[12..]) switch
        {
            0x0800 when packet.Length >= 20 && packet.Span[9] == 6 => Segment(
                new IPAddress(packet.Span.Slice(12, 4)),
                new IPAddress(packet.Span.Slice(16, 4)),
                packet[((packet.Span[0] & 0xf) * 4)..BinaryPrimitives.ReadUInt16BigEndian(packet.Span[2..])]),
            0x86dd when packet.Length >= 40 && packet.Span[6] == 6 => Segment(
                new IPAddress(packet.Span.Slice(8, 16)),
                new IPAddress(packet.Span.Slice(24, 16)),
                packet.Slice(40, BinaryPrimitives.ReadUInt16BigEndian(packet.Span[4..]))),
            _ => null,
        };
    }

    private static TcpSegment Segment(IPAddress source, IPAddress destination, ReadOnlyMemory<byte> tcp)
    {
        ReadOnlySpan<byte> header = tcp.Span;
        return new TcpSegment(
            new IPEndPoint(source, BinaryPrimitives.ReadUInt16BigEndian(header)),
            new IPEndPoint(destination, BinaryPrimitives.ReadUInt16BigEndian(header[2..])),
            BinaryPrimitives.ReadUInt32BigEndian(header[4..]),
            (header[13] & 2) != 0,
            tcp[((header[12] >> 4) * 4)..]);
    }

    private static uint Read32(ReadOnlyMemory<byte> file, int at) => BinaryPrimitives.ReadUInt32LittleEndian(file.Span[at..]);
}

/// <summary>One TCP segment as seen on a link.</summary>
internal sealed record TcpSegment(IPEndPoint Source, IPEndPoint Destination, uint Sequence, bool Syn, ReadOnlyMemory<byte> Payload);

using System.Buffers.Binary;
using System.Net;

namespace Ztunnel.Lab;

/// <summary>One direction of one TCP connection as seen on a link, put in order; what was sent twice is there once.</summary>
public sealed class TcpStream
{
    private readonly byte[] _bytes;

    private TcpStream(IPEndPoint source, IPEndPoint destination, byte[] bytes, bool fromTheStart)
    {
        Source = source;
        Destination = destination;
        _bytes = bytes;
        FromTheStart = fromTheStart;
    }

    /// <summary>Who sent it.</summary>
    public IPEndPoint Source { get; }

    /// <summary>Who it was sent to.</summary>
    public IPEndPoint Destination { get; }

    /// <summary>What was sent.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Whether the connection began on the record; if not the stream begins somewhere in the middle.</summary>
    public bool FromTheStart { get; }

    /// <summary>
    /// Whether the stream consists of TLS records and nothing else (RFC 8446 section 5.1: type 20 to 23, legacy version 3.1 or
    /// 3.3, at most 2^14 + 256 bytes), the last of them perhaps not whole. One that begins in the middle may begin within a record.
    /// </summary>
    public bool IsTls()
    {
        int last = FromTheStart ? 0 : Math.Min(_bytes.Length, MaximumRecord + RecordHeader);
        for (int start = 0; start <= last; start++)
        {
            if (IsTlsFrom(start))
                return true;
        }

        return false;
    }

    private const int RecordHeader = 5;
    private const int MaximumRecord = (1 << 14) + 256;

    private bool IsTlsFrom(int start)
    {
        ReadOnlySpan<byte> rest = _bytes.AsSpan(start);
        while (rest.Length >= RecordHeader)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(rest[3..]);
            if (rest is not [>= 20 and <= 23, 3, 1 or 3, ..] || length is 0 or > MaximumRecord)
                return false;
            rest = rest[Math.Min(rest.Length, RecordHeader + length)..];
        }

        return rest.IsEmpty || rest[0] is >= 20 and <= 23;
    }

    internal static IEnumerable<TcpStream> Reassemble(IEnumerable<TcpSegment> segments) =>
        Connections(segments).Select(Join).Where(stream => stream._bytes.Length > 0);

    /// <summary>Groups segments by direction; a SYN with another sequence number begins another connection on the same addresses.</summary>
    private static List<List<TcpSegment>> Connections(IEnumerable<TcpSegment> segments)
    {
        var all = new List<List<TcpSegment>>();
        var current = new Dictionary<(IPEndPoint, IPEndPoint), List<TcpSegment>>();
        foreach (TcpSegment segment in segments)
        {
            (IPEndPoint, IPEndPoint) key = (segment.Source, segment.Destination);
            if (!current.TryGetValue(key, out List<TcpSegment>? connection) || (segment.Syn && connection[0].Sequence != segment.Sequence))
            {
                current[key] = connection = [];
                all.Add(connection);
            }

            connection.Add(segment);
        }

        return all;
    }

    private static TcpStream Join(List<TcpSegment> segments)
    {
        TcpSegment first = segments[0];
        uint origin = first.Syn ? first.Sequence + 1 : segments.Select(segment => segment.Sequence).Aggregate((a, b) => (int)(a - b) < 0 ? a : b);
        var joined = new MemoryStream();
        // A sequence number wraps; its distance from the origin orders up to 2 GiB.
        foreach (TcpSegment segment in segments.Where(segment => !segment.Payload.IsEmpty).OrderBy(segment => (int)(segment.Sequence - origin)))
        {
            int at = (int)(segment.Sequence - origin);
            if (at > joined.Length)
                throw new LabException($"bytes {joined.Length} to {at} from {first.Source} to {first.Destination} are not on the record");
            int known = (int)joined.Length - at;
            if (known < segment.Payload.Length)
                joined.Write(segment.Payload.Span[known..]);
        }

        return new TcpStream(first.Source, first.Destination, joined.ToArray(), first.Syn);
    }
}

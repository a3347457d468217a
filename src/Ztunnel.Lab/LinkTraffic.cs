using System.Collections.Immutable;
using System.Text;

namespace Ztunnel.Lab;

/// <summary>What passed over a link while it was recorded.</summary>
public sealed class LinkTraffic
{
    private readonly ImmutableArray<ReadOnlyMemory<byte>> _frames;

    private LinkTraffic(ImmutableArray<ReadOnlyMemory<byte>> frames, ImmutableArray<TcpStream> streams, int tcpPackets)
    {
        _frames = frames;
        Streams = streams;
        TcpPackets = tcpPackets;
    }

    /// <summary>How many frames passed, of every kind.</summary>
    public int Packets => _frames.Length;

    /// <summary>How many of them were TCP.</summary>
    public int TcpPackets { get; }

    /// <summary>Every direction of every TCP connection that carried at least one byte.</summary>
    public ImmutableArray<TcpStream> Streams { get; }

    /// <summary>How many bytes TCP carried, retransmissions not counted.</summary>
    public long TcpBytes => Streams.Sum(stream => (long)stream.Bytes.Length);

    /// <summary>Reads a pcap file. Throws <see cref="LabException"/> when it is damaged or a connection on it has a gap.</summary>
    public static LinkTraffic Read(ReadOnlyMemory<byte> pcap)
    {
        ImmutableArray<ReadOnlyMemory<byte>> frames = [.. Pcap.Frames(pcap)];
        TcpSegment[] segments = [.. frames.Select(Pcap.Tcp).OfType<TcpSegment>()];
        return new LinkTraffic(frames, [.. TcpStream.Reassemble(segments)], segments.Length);
    }

    /// <summary>The TCP streams that were anything else than TLS to or from <paramref name="port"/>.</summary>
    public IEnumerable<TcpStream> NotTlsWith(int port) =>
        Streams.Where(stream => (stream.Source.Port != port && stream.Destination.Port != port) || !stream.IsTls());

    /// <summary>Whether <paramref name="text"/> (as UTF-8) passed in the clear: within one frame of any kind, or within one TCP stream.</summary>
    public bool Shows(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return _frames.Any(frame => frame.Span.IndexOf(bytes) >= 0) || Streams.Any(stream => stream.Bytes.IndexOf(bytes) >= 0);
    }

    /// <summary>
    /// Null when at least one TCP byte passed, every TCP byte was TLS to or from <paramref name="port"/>, and none of
    /// <paramref name="markers"/> passed in the clear; else what was wrong.
    /// </summary>
    public string? WhyNotOnlyTls(int port, params ReadOnlySpan<string> markers)
    {
        if (TcpBytes == 0)
            return $"no TCP byte passed, among {Packets} packets";
        if (NotTlsWith(port).FirstOrDefault() is { } other)
            return $"{other.Bytes.Length} bytes from {other.Source} to {other.Destination} were not TLS with port {port}";
        foreach (string marker in markers)
        {
            if (Shows(marker))
                return $"'{marker}' passed in the clear";
        }

        return null;
    }
}

using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ztunnel.IO.Native;

/// <summary>Reads and writes <c>sockaddr_in</c> and <c>sockaddr_in6</c>.</summary>
internal static class SockAddr
{
    /// <summary>Bytes that hold either family.</summary>
    public const int MaxSize = 28;

    private const int SizeV4 = 16;
    private const int SizeV6 = 28;

    /// <summary>The address family number of <paramref name="address"/>.</summary>
    public static int Family(IPAddress address) =>
        address.AddressFamily == AddressFamily.InterNetworkV6 ? Constants.AfInet6 : Constants.AfInet;

    /// <summary>Writes <paramref name="endPoint"/> and returns how many bytes it took.</summary>
    public static int Write(IPEndPoint endPoint, Span<byte> target)
    {
        target[..MaxSize].Clear();
        ushort family = (ushort)Family(endPoint.Address);
        MemoryMarshal.Write(target, in family);
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)endPoint.Port);
        if (family == Constants.AfInet)
        {
            endPoint.Address.TryWriteBytes(target[4..], out _);
            return SizeV4;
        }

        endPoint.Address.TryWriteBytes(target[8..], out _);
        uint scope = (uint)endPoint.Address.ScopeId;
        MemoryMarshal.Write(target[24..], in scope);
        return SizeV6;
    }

    /// <summary>Reads an address; an IPv4 address mapped into IPv6 comes back as IPv4.</summary>
    public static IPEndPoint Read(ReadOnlySpan<byte> source)
    {
        int port = BinaryPrimitives.ReadUInt16BigEndian(source[2..]);
        if (MemoryMarshal.Read<ushort>(source) == Constants.AfInet)
            return new IPEndPoint(new IPAddress(source.Slice(4, 4)), port);
        IPAddress address = new(source.Slice(8, 16), MemoryMarshal.Read<uint>(source[24..]));
        return new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, port);
    }
}

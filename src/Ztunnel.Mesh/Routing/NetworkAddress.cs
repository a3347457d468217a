using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>
/// An IP address as the mesh compares them: a value without allocation, where an IPv4 address and its IPv4-mapped IPv6 form
/// (RFC 4291 section 2.5.5.2) are one and a scope id does not count.
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct NetworkAddress
{
    private static readonly UInt128 MappedPrefix = new(0, 0x0000_ffff_0000_0000);

    private readonly UInt128 _value;

    private NetworkAddress(UInt128 value) => _value = value;

    /// <summary>The bits of the IPv6 form, IPv4 being mapped.</summary>
    internal UInt128 Value => _value;

    /// <summary>Whether this is an IPv4 address, given as such or IPv4-mapped.</summary>
    public bool IsIPv4 => _value >> 32 == MappedPrefix >> 32;

    /// <summary>A number for the address, evenly spread and the same on every node and in every run.</summary>
    public ulong Hash
    {
        get
        {
            ulong mixed = ((ulong)(_value >> 64) * 0x9E37_79B9_7F4A_7C15) ^ (ulong)_value;
            mixed = (mixed ^ (mixed >> 32)) * 0xD6E8_FEB8_6659_FD93;
            return mixed ^ (mixed >> 32);
        }
    }

    /// <summary>The value of <paramref name="address"/>; allocates nothing.</summary>
    public static NetworkAddress From(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int written);
        return written == 4
            ? new NetworkAddress(MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes))
            : new NetworkAddress(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>The address in the framework's form; IPv4 where it is one.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, _value);
        return new IPAddress(IsIPv4 ? bytes[12..] : bytes);
    }

    /// <summary><paramref name="address"/> without IPv4-mapping and scope id; the same object when it has neither.</summary>
    public static IPAddress Normalise(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        bool plain = address.AddressFamily != AddressFamily.InterNetworkV6 || (!address.IsIPv4MappedToIPv6 && address.ScopeId == 0);
        return plain ? address : From(address).ToIPAddress();
    }

    /// <inheritdoc/>
    public override string ToString() => ToIPAddress().ToString();
}

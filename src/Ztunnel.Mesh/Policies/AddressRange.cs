using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>
/// A block of IP addresses of one family, as <c>10.0.0.0/8</c>. Bits beyond the prefix do not count. An IPv6 block holds no
/// IPv4 address, not even <c>::/0</c>; an IPv4-mapped one is IPv4.
/// </summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct AddressRange
{
    private readonly UInt128 _network;
    private readonly UInt128 _mask;
    private readonly bool _ipv4;

    /// <summary>The block of addresses that have their first <paramref name="prefixLength"/> bits in common with <paramref name="address"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length is not one of the address's family.</exception>
    public AddressRange(IPAddress address, int prefixLength)
    {
        ArgumentNullException.ThrowIfNull(address);
        int bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(prefixLength, bits);
        int free = bits - prefixLength;
        NetworkAddress value = NetworkAddress.From(address);
        // Fewer than 96 bits of an IPv4-mapped address say nothing of IPv4: that block is IPv6's own.
        _ipv4 = value.IsIPv4 && free <= 32;
        _mask = free == 128 ? UInt128.Zero : UInt128.MaxValue << free;
        _network = value.Value & _mask;
    }

    /// <summary>The block of that one address.</summary>
    public AddressRange(IPAddress address)
        : this(address, address?.AddressFamily == AddressFamily.InterNetwork ? 32 : 128)
    {
    }

    private AddressRange(NetworkAddress address, int length)
    {
        _ipv4 = address.IsIPv4;
        _mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);
        _network = address.Value & _mask;
    }

    /// <summary>How many bits of the IPv6 form the addresses have in common, IPv4 being mapped.</summary>
    internal int Length => (int)UInt128.PopCount(_mask);

    /// <summary>The block of that <see cref="Length"/> which holds <paramref name="address"/>.</summary>
    internal static AddressRange Of(NetworkAddress address, int length) => new(address, length);

    /// <summary>Whether <paramref name="address"/> is in the block.</summary>
    public bool Contains(NetworkAddress address) => address.IsIPv4 == _ipv4 && (address.Value & _mask) == _network;
}

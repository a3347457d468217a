using System.Runtime.InteropServices;

namespace Ztunnel.IO;

/// <summary>Writes one netlink message (RFC 3549, <c>linux/netlink.h</c>): header, a family's fixed part, attributes, in host byte order.</summary>
internal ref struct NetlinkMessage
{
    public const int HeaderSize = 16;
    private const int AttributeHeader = 4;
    private readonly Span<byte> _buffer;
    private int _length;

    /// <summary>Begins a message in <paramref name="buffer"/>.</summary>
    public NetlinkMessage(Span<byte> buffer, ushort type, ushort flags, ReadOnlySpan<byte> fixedPart)
    {
        _buffer = buffer;
        _buffer.Clear();
        MemoryMarshal.Write(_buffer[4..], type);
        MemoryMarshal.Write(_buffer[6..], flags);
        fixedPart.CopyTo(_buffer[HeaderSize..]);
        _length = HeaderSize + fixedPart.Length;
    }

    /// <summary>The message so far.</summary>
    public readonly ReadOnlySpan<byte> Bytes
    {
        get
        {
            MemoryMarshal.Write(_buffer, _length);
            return _buffer[.._length];
        }
    }

    /// <summary>Appends a 32-bit attribute.</summary>
    public void Add(ushort attribute, uint value) => Add(attribute, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    /// <summary>Appends an 8-bit attribute.</summary>
    public void Add(ushort attribute, byte value) => Add(attribute, new ReadOnlySpan<byte>(in value));

    /// <summary>The payload of an attribute in <paramref name="attributes"/>, or nothing when it is not there.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> attributes, ushort attribute)
    {
        while (attributes.Length >= AttributeHeader)
        {
            int length = BitConverter.ToUInt16(attributes);
            if (length < AttributeHeader || length > attributes.Length)
                break;
            if (BitConverter.ToUInt16(attributes[2..]) == attribute)
                return attributes[AttributeHeader..length];
            attributes = attributes[Math.Min(attributes.Length, Align(length))..];
        }

        return [];
    }

    private void Add(ushort attribute, scoped ReadOnlySpan<byte> payload)
    {
        MemoryMarshal.Write(_buffer[_length..], (ushort)(AttributeHeader + payload.Length));
        MemoryMarshal.Write(_buffer[(_length + 2)..], attribute);
        payload.CopyTo(_buffer[(_length + AttributeHeader)..]);
        _length += Align(AttributeHeader + payload.Length);
    }

    private static int Align(int length) => (length + 3) & ~3;
}

using System.Buffers.Binary;

namespace Ztunnel.IO;

/// <summary>How a TLS client begins, looked at without taking part in the handshake (RFC 8446 sections 4.1.2 and 5.1).</summary>
public static class ClientHello
{
    /// <summary>Most bytes that are looked at: what needs more is taken for no ClientHello.</summary>
    public const int MostBytes = 32 * 1024;

    private const byte HandshakeRecord = 22;
    private const byte ClientHelloMessage = 1;
    private const int RecordHeader = 5;
    private const int MessageHeader = 4;
    private const int MostRecord = 1 << 14;
    private const int VersionAndRandom = 34;
    private const int ServerNameExtension = 0;

    /// <summary>Whether bytes begin with a whole ClientHello; null when more of them are needed to tell.</summary>
    /// <param name="bytes">The first bytes of a connection.</param>
    /// <param name="serverName">The one host name it asks for, lower case; null where it names none or several.</param>
    public static bool? Read(ReadOnlySpan<byte> bytes, out string? serverName)
    {
        serverName = null;
        if (Unwrap(bytes, out byte[] message) is not true and var undecided)
            return undecided;
        ReadOnlySpan<byte> rest = message.AsSpan(MessageHeader + VersionAndRandom);
        if (!TryTake(ref rest, 1, out _) || !TryTake(ref rest, 2, out _) || !TryTake(ref rest, 1, out _))
            return false;
        if (rest.IsEmpty)
            return true;
        if (!TryTake(ref rest, 2, out ReadOnlySpan<byte> extensions))
            return false;
        while (!extensions.IsEmpty)
        {
            if (extensions.Length < 2)
                return false;
            int type = BinaryPrimitives.ReadUInt16BigEndian(extensions);
            extensions = extensions[2..];
            if (!TryTake(ref extensions, 2, out ReadOnlySpan<byte> content))
                return false;
            if (type == ServerNameExtension)
                serverName = TlsSession.ReadServerName(content);
        }

        return true;
    }

    /// <summary>Takes the first handshake message out of the records it came in.</summary>
    private static bool? Unwrap(ReadOnlySpan<byte> bytes, out byte[] message)
    {
        message = [];
        while (true)
        {
            if (bytes.Length > 0 && bytes[0] != HandshakeRecord)
                return false;
            if (bytes.Length < RecordHeader)
                return null;
            int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]);
            if (length is 0 or > MostRecord || bytes[1] != 3)
                return false;
            message = [.. message, .. bytes.Slice(RecordHeader, Math.Min(length, bytes.Length - RecordHeader))];
            if (message.Length > 0 && message[0] != ClientHelloMessage)
                return false;
            if (message.Length >= MessageHeader)
            {
                int whole = MessageHeader + (message[1] << 16 | message[2] << 8 | message[3]);
                if (whole is < MessageHeader + VersionAndRandom or > MostBytes)
                    return false;
                if (message.Length >= whole)
                {
                    message = message[..whole];
                    return true;
                }
            }

            if (bytes.Length < RecordHeader + length)
                return null;
            bytes = bytes[(RecordHeader + length)..];
        }
    }

    /// <summary>Takes a vector and the bytes that say how long it is.</summary>
    private static bool TryTake(ref ReadOnlySpan<byte> rest, int lengthBytes, out ReadOnlySpan<byte> vector)
    {
        vector = default;
        if (rest.Length < lengthBytes)
            return false;
        int length = lengthBytes == 1 ? rest[0] : BinaryPrimitives.ReadUInt16BigEndian(rest);
        rest = rest[lengthBytes..];
        if (rest.Length < length)
            return false;
        vector = rest[..length];
        rest = rest[length..];
        return true;
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Google.Protobuf;

namespace Ztunnel.Identity;

/// <summary>
/// What both ends of a unary gRPC call write and read inside HTTP/2 ("gRPC over HTTP2"): the framed message, the deadline and the
/// error text. Stands in for Grpc.Net.Common.
/// </summary>
internal static class GrpcWire
{
    public const string ContentType = "application/grpc";
    public const string StatusHeader = "grpc-status";
    public const string MessageHeader = "grpc-message";
    public const string TimeoutHeader = "grpc-timeout";
    public const string EncodingHeader = "grpc-encoding";

    private const int PrefixLength = 5;

    // A deadline has at most eight digits; that many hours are as good as none.
    private const long MostDigits = 99_999_999;

    /// <summary>The message behind its prefix, uncompressed.</summary>
    public static byte[] Frame(IMessage message)
    {
        int length = message.CalculateSize();
        byte[] frame = new byte[PrefixLength + length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), length);
        message.WriteTo(frame.AsSpan(PrefixLength));
        return frame;
    }

    /// <summary>
    /// Reads the one message of a body; empty where the body is, which is how a call that failed may end. Throws
    /// <see cref="GrpcException"/> where it is longer than <paramref name="limit"/> bytes, compressed, cut off, or not the only one.
    /// </summary>
    public static async Task<byte[]?> ReadMessage(Stream body, int limit, CancellationToken cancellationToken)
    {
        byte[] prefix = new byte[PrefixLength];
        int read = await body.ReadAtLeastAsync(prefix, PrefixLength, throwOnEndOfStream: false, cancellationToken);
        if (read == 0)
            return null;
        if (read < PrefixLength)
            throw CutOff();
        if (prefix[0] != 0)
            throw new GrpcException(GrpcStatus.Unimplemented, "the message is compressed, and no compression was agreed on");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1));
        if (length > limit)
            throw new GrpcException(GrpcStatus.ResourceExhausted, $"the message has {length} bytes, over the {limit} allowed");
        byte[] message = new byte[length];
        if (await body.ReadAtLeastAsync(message, message.Length, throwOnEndOfStream: false, cancellationToken) < message.Length)
            throw CutOff();
        if (await body.ReadAsync(prefix.AsMemory(0, 1), cancellationToken) != 0)
            throw new GrpcException(GrpcStatus.Unimplemented, "there is more than one message where there can be one");
        return message;
    }

    /// <summary>Whether a <c>content-type</c> is gRPC with protobuf messages.</summary>
    public static bool IsGrpc(string? contentType)
    {
        ReadOnlySpan<char> type = contentType.AsSpan();
        int parameters = type.IndexOf(';');
        type = (parameters < 0 ? type : type[..parameters]).Trim();
        return type.Equals(ContentType, StringComparison.OrdinalIgnoreCase)
            || type.Equals(ContentType + "+proto", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A deadline as <c>grpc-timeout</c>, in milliseconds where they fit.</summary>
    public static string FormatTimeout(TimeSpan timeout)
    {
        long milliseconds = Math.Max(1, (long)timeout.TotalMilliseconds);
        return milliseconds <= MostDigits
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds}m")
            : string.Create(CultureInfo.InvariantCulture, $"{Math.Min(MostDigits, (long)timeout.TotalSeconds)}S");
    }

    /// <summary>Reads <c>grpc-timeout</c>; false where it is none.</summary>
    public static bool TryParseTimeout(string text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !uint.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out uint count))
            return false;
        // The longest, 99999999 hours, is within what a TimeSpan holds.
        TimeSpan? whole = text[^1] switch
        {
            'H' => TimeSpan.FromHours(count),
            'M' => TimeSpan.FromMinutes(count),
            'S' => TimeSpan.FromSeconds(count),
            'm' => TimeSpan.FromMilliseconds(count),
            'u' => TimeSpan.FromMicroseconds(count),
            'n' => TimeSpan.FromTicks(count / 100),
            _ => null,
        };
        if (whole is null)
            return false;
        timeout = whole.Value;
        return true;
    }

    /// <summary>An error text as <c>grpc-message</c>: UTF-8 with everything but printable ASCII, and the percent sign, escaped.</summary>
    public static string EscapeMessage(string message)
    {
        var escaped = new StringBuilder(message.Length);
        foreach (byte b in Encoding.UTF8.GetBytes(message))
        {
            if (b is >= 0x20 and <= 0x7e and not (byte)'%')
                escaped.Append((char)b);
            else
                escaped.Append(CultureInfo.InvariantCulture, $"%{b:X2}");
        }

        return escaped.ToString();
    }

    /// <summary>Reads a <c>grpc-message</c>; what is no escape is taken as it is, so that no error hides the one it tells of.</summary>
    public static string UnescapeMessage(string message)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(message);
        int length = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            bool isEscape = bytes[i] == '%' && i + 2 < bytes.Length && char.IsAsciiHexDigit((char)bytes[i + 1]) && char.IsAsciiHexDigit((char)bytes[i + 2]);
            bytes[length++] = isEscape ? byte.Parse(bytes.AsSpan(i + 1, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) : bytes[i];
            i += isEscape ? 2 : 0;
        }

        return Encoding.UTF8.GetString(bytes.AsSpan(0, length));
    }

    private static GrpcException CutOff() => new(GrpcStatus.Internal, "the message is cut off");
}

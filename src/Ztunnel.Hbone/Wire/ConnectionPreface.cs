namespace Ztunnel.Hbone.Wire;

/// <summary>The bytes a client sends first (RFC 9113 section 3.4).</summary>
public static class ConnectionPreface
{
    /// <summary>The 24 bytes <c>PRI * HTTP/2.0 CRLF CRLF SM CRLF CRLF</c>.</summary>
    public static ReadOnlySpan<byte> Bytes => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
}

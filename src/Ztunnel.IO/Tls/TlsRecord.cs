namespace Ztunnel.IO;

/// <summary>Sizes of TLS records (RFC 8446 section 5, RFC 5288 section 3).</summary>
internal static class TlsRecord
{
    /// <summary>Most content bytes in one record.</summary>
    public const int MaxContent = 1 << 14;

    /// <summary>What sealing adds to content: header (5), inner type (1), tag (16).</summary>
    public const int Overhead = 22;

    /// <summary>The same for TLS 1.2 with AES-GCM: header (5), explicit nonce (8), tag (16).</summary>
    public const int Tls12Overhead = 29;
}

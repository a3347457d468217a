namespace Ztunnel.IO;

/// <summary>Sizes of TLS 1.3 records (RFC 8446 section 5).</summary>
internal static class TlsRecord
{
    /// <summary>Most content bytes in one record.</summary>
    public const int MaxContent = 1 << 14;

    /// <summary>What sealing adds to content: header (5), inner type (1), tag (16).</summary>
    public const int Overhead = 22;
}

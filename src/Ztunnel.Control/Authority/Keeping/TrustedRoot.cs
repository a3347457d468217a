using System.Security.Cryptography;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>A root that the mesh is told to trust.</summary>
/// <param name="Certificate">The root.</param>
/// <param name="Told">Since when it is among the roots that the leader spreads.</param>
/// <param name="Since">Since when every namespace is known to have it; null while that is not known.</param>
/// <param name="Until">When it goes, as nothing valid is left under it then; null while it is of use.</param>
internal sealed record TrustedRoot(ParsedCertificate Certificate, DateTimeOffset Told, DateTimeOffset? Since, DateTimeOffset? Until)
{
    /// <summary>What tells it from others, in hexadecimal.</summary>
    public string Fingerprint { get; } = Convert.ToHexStringLower(SHA256.HashData(Certificate.Der.Span));

    public bool Is(ParsedCertificate other) => Certificate.Der.Span.SequenceEqual(other.Der.Span);

    public static string Pem(ParsedCertificate certificate) => PemEncoding.WriteString("CERTIFICATE", certificate.Der.Span) + "\n";
}

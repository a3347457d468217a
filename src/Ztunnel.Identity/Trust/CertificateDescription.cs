using System.Security.Cryptography;

namespace Ztunnel.Identity;

/// <summary>A certificate as the diagnostics show it. There is no key in it.</summary>
/// <param name="Der">The certificate.</param>
/// <param name="SerialNumber">Lower case hexadecimal.</param>
/// <param name="NotBefore">When its validity begins.</param>
/// <param name="NotAfter">When its validity ends.</param>
public sealed record CertificateDescription(
    ReadOnlyMemory<byte> Der, string SerialNumber, DateTimeOffset NotBefore, DateTimeOffset NotAfter)
{
    /// <summary>The certificate as one PEM block.</summary>
    public string Pem => PemEncoding.WriteString("CERTIFICATE", Der.Span);

    internal static CertificateDescription Of(ParsedCertificate certificate) =>
        new(certificate.Der, certificate.SerialNumber, certificate.NotBefore, certificate.NotAfter);
}

using System.Globalization;
using System.Numerics;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ztunnel.Diagnostics;

/// <summary>One X.509 certificate of a <see cref="CertificateDump"/>, in the encoding <c>istioctl</c> expects.</summary>
public sealed record CertificateDetail
{
    /// <summary>The certificate's PEM text in base64.</summary>
    public required string Pem { get; init; }

    /// <summary>The serial number, decimal.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>Start of its validity, RFC 3339.</summary>
    public required string ValidFrom { get; init; }

    /// <summary>End of its validity, RFC 3339.</summary>
    public required string ExpirationTime { get; init; }

    /// <summary>Describes a certificate given as DER. Throws <see cref="System.Security.Cryptography.CryptographicException"/> when it is none.</summary>
    public static CertificateDetail FromDer(ReadOnlySpan<byte> der)
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der);
        return new CertificateDetail
        {
            Pem = Convert.ToBase64String(Encoding.ASCII.GetBytes(certificate.ExportCertificatePem())),
            SerialNumber = new BigInteger(certificate.SerialNumberBytes.Span, isUnsigned: true, isBigEndian: true)
                .ToString(CultureInfo.InvariantCulture),
            ValidFrom = Rfc3339(certificate.NotBefore),
            ExpirationTime = Rfc3339(certificate.NotAfter),
        };
    }

    private static string Rfc3339(DateTime time) =>
        time.ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}

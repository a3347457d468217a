using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity;

/// <summary>
/// Reads PEM files (RFC 7468) and turns each way that can go wrong into a <see cref="CertificateFileException"/>.
/// </summary>
internal static class CertificateFile
{
    public static byte[] ReadBytes(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CertificateFileException(file, CertificateFileProblem.Missing, "the file is missing");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CertificateFileException(file, CertificateFileProblem.Unreadable, $"the file cannot be read: {e.Message}");
        }
    }

    /// <summary>All certificates of a file, in its order; none is an error unless <paramref name="mayBeEmpty"/>.</summary>
    public static ImmutableArray<ParsedCertificate> ReadCertificates(string file, bool mayBeEmpty = false) =>
        ParseCertificates(file, System.Text.Encoding.UTF8.GetString(ReadBytes(file)), mayBeEmpty);

    /// <summary>All certificates of a text that came from where <paramref name="file"/> says, which need not be a file.</summary>
    public static ImmutableArray<ParsedCertificate> ParseCertificates(string file, ReadOnlySpan<char> text, bool mayBeEmpty = false)
    {
        if (mayBeEmpty && text.IsWhiteSpace())
            return [];
        ImmutableArray<ParsedCertificate>.Builder certificates = ImmutableArray.CreateBuilder<ParsedCertificate>();
        while (PemEncoding.TryFind(text, out PemFields fields))
        {
            ThrowIfDamaged(file, text[..fields.Location.Start], certificates.Count);
            if (text[fields.Label] is "CERTIFICATE")
                certificates.Add(Parse(file, text[fields.Base64Data], certificates.Count + 1));
            text = text[fields.Location.End..];
        }

        ThrowIfDamaged(file, text, certificates.Count);
        if (certificates.Count == 0)
            throw new CertificateFileException(file, CertificateFileProblem.NotPem, "the file holds no PEM certificate");
        return certificates.ToImmutable();
    }

    /// <summary>Throws unless the certificate may sign others and is within its validity at <paramref name="now"/>.</summary>
    public static void ThrowUnlessAuthority(string file, ParsedCertificate certificate, DateTimeOffset now)
    {
        ThrowUnlessMaySign(file, certificate);
        if (now < certificate.NotBefore)
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.NotYetValid,
                $"certificate {certificate.SerialNumber} is not valid before {certificate.NotBefore:u}");
        }

        if (now >= certificate.NotAfter)
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.Expired, $"certificate {certificate.SerialNumber} expired {certificate.NotAfter:u}");
        }
    }

    public static void ThrowUnlessMaySign(string file, ParsedCertificate certificate)
    {
        if (!certificate.IsAuthority)
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.NotAuthority,
                $"certificate {certificate.SerialNumber} is not a CA (its basic constraints do not say so)");
        }
    }

    // The search skips a block whose base64 or end line is damaged, and half a bundle must not pass for a whole one.
    private static void ThrowIfDamaged(string file, ReadOnlySpan<char> between, int count)
    {
        if (between.Contains("-----BEGIN", StringComparison.Ordinal))
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.NotPem, $"the PEM block after {count} certificates is damaged or cut off");
        }
    }

    private static ParsedCertificate Parse(string file, ReadOnlySpan<char> base64, int position)
    {
        try
        {
            byte[] der = Convert.FromBase64String(base64.ToString());
            // Handshakes are OpenSSL's, so what it cannot read is of no use, whatever we make of it.
            using X509Certificate2 native = X509CertificateLoader.LoadCertificate(der);
            return ParsedCertificate.Read(der);
        }
        catch (Exception e) when (e is CryptographicException or FormatException)
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.Malformed, $"PEM block {position} is not an X.509 certificate");
        }
    }
}

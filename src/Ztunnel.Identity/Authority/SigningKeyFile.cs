using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ztunnel.Identity;

/// <summary>The PEM text of a signing key: ECDSA or RSA, PKCS#8 or the older forms, and never quoted in an error.</summary>
/// <param name="file">What the key's file is called in errors.</param>
/// <param name="certificateFile">What the file of the certificate it must belong to is called in errors.</param>
internal sealed class SigningKeyFile(string file, string certificateFile)
{
    /// <summary>The least an RSA key may have, in bits, whether it signs or is certified.</summary>
    public const int SmallestRsaKey = 2048;

    /// <summary>Takes the key from the file's bytes; throws <see cref="CertificateFileException"/> unless it is the certificate's.</summary>
    public AsymmetricAlgorithm Load(ReadOnlySpan<byte> bytes, X509Certificate2 certificate)
    {
        char[] text = new char[Encoding.UTF8.GetCharCount(bytes)];
        Encoding.UTF8.GetChars(bytes, text);
        try
        {
            AsymmetricAlgorithm key = ImportKey(text, certificate);
            try
            {
                ThrowUnlessMatching(key, certificate);
                return key;
            }
            catch
            {
                key.Dispose();
                throw;
            }
        }
        finally
        {
            Array.Clear(text);
        }
    }

    private AsymmetricAlgorithm ImportKey(ReadOnlySpan<char> text, X509Certificate2 certificate)
    {
        if (!TryFindKey(text, out string label))
            throw new CertificateFileException(file, CertificateFileProblem.NotPem, "the file holds no PEM private key");
        // RFC 1423 encryption keeps the plain label and says so in a header.
        if (label is "ENCRYPTED PRIVATE KEY" || text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.KeyEncrypted, "the key is encrypted, and nobody is there to give its passphrase");
        }

        bool wantsRsa = certificate.PublicKey.Oid.Value is "1.2.840.113549.1.1.1";
        bool wantsEc = certificate.PublicKey.Oid.Value is "1.2.840.10045.2.1";
        if (!wantsRsa && !wantsEc)
        {
            throw new CertificateFileException(
                certificateFile, CertificateFileProblem.KeyUnsupported, "the certificate's key is neither ECDSA nor RSA");
        }

        if ((label is "RSA PRIVATE KEY" && wantsEc) || (label is "EC PRIVATE KEY" && wantsRsa))
            throw Mismatch();
        AsymmetricAlgorithm key = wantsRsa ? RSA.Create() : ECDsa.Create();
        try
        {
            key.ImportFromPem(text);
        }
        catch (PlatformNotSupportedException)
        {
            key.Dispose();
            throw new CertificateFileException(
                file, CertificateFileProblem.KeyUnsupported, "the key's curve is not supported here");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            // PKCS#8 says inside what it is; a key of the other kind fails to import as this one.
            throw label is "PRIVATE KEY" && ImportsAsOther(text, wantsRsa)
                ? Mismatch()
                : new CertificateFileException(
                    file, CertificateFileProblem.Malformed, "the PEM block is not a usable private key");
        }

        return key;
    }

    private static bool ImportsAsOther(ReadOnlySpan<char> text, bool wantsRsa)
    {
        using AsymmetricAlgorithm other = wantsRsa ? ECDsa.Create() : RSA.Create();
        try
        {
            other.ImportFromPem(text);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or PlatformNotSupportedException)
        {
            return false;
        }
    }

    private static bool TryFindKey(ReadOnlySpan<char> text, out string label)
    {
        while (PemEncoding.TryFind(text, out PemFields fields))
        {
            label = text[fields.Label].ToString();
            // `openssl ecparam -genkey` puts the curve in a block of its own before the key.
            if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
                return true;
            text = text[fields.Location.End..];
        }

        label = "";
        return false;
    }

    private void ThrowUnlessMatching(AsymmetricAlgorithm key, X509Certificate2 certificate)
    {
        if (key is RSA { KeySize: < SmallestRsaKey } small)
        {
            throw new CertificateFileException(
                file,
                CertificateFileProblem.KeyUnsupported,
                $"an RSA key of {small.KeySize} bits is too weak; {SmallestRsaKey} is the least");
        }

        if (!IsPair(key, certificate))
            throw Mismatch();
    }

    // Signing something and verifying it by the certificate proves the pair whatever form either was written in.
    private bool IsPair(AsymmetricAlgorithm key, X509Certificate2 certificate)
    {
        byte[] probe = RandomNumberGenerator.GetBytes(32);
        try
        {
            using ECDsa? ecPublic = certificate.GetECDsaPublicKey();
            using RSA? rsaPublic = certificate.GetRSAPublicKey();
            return key switch
            {
                ECDsa ec => ecPublic?.VerifyHash(probe, ec.SignHash(probe)) ?? false,
                RSA rsa => rsaPublic?.VerifyHash(
                    probe, rsa.SignHash(probe, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
                    HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) ?? false,
                _ => false,
            };
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException)
        {
            throw new CertificateFileException(
                certificateFile, CertificateFileProblem.KeyUnsupported, "the certificate's public key cannot be used here");
        }
    }

    private CertificateFileException Mismatch() =>
        new(file, CertificateFileProblem.KeyMismatch, $"the key is not the one {certificateFile} was made for");
}

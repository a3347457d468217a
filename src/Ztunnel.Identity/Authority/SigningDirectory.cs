using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ztunnel.Identity;

/// <summary>
/// A directory in the layout of Istio's <c>cacerts</c> secret (plug in CA certificates): <c>ca-cert.pem</c> signs with
/// <c>ca-key.pem</c>, and leads over <c>cert-chain.pem</c> to a root in <c>root-cert.pem</c>.
/// </summary>
internal sealed class SigningDirectory(string directory)
{
    private const int SmallestRsaKey = 2048;

    public string Certificate { get; } = Path.Combine(directory, "ca-cert.pem");

    public string Key { get; } = Path.Combine(directory, "ca-key.pem");

    public string Chain { get; } = Path.Combine(directory, "cert-chain.pem");

    public string Root { get; } = Path.Combine(directory, "root-cert.pem");

    /// <summary>Loads and checks all four files; throws <see cref="CertificateFileException"/> naming the one that is wrong.</summary>
    public SigningIdentity Load(DateTimeOffset now)
    {
        ImmutableArray<ParsedCertificate> own = CertificateFile.ReadCertificates(Certificate);
        CertificateFile.ThrowUnlessAuthority(Certificate, own[0], now);
        // Where the signing certificate is itself the root there is nothing between, and Istio leaves the file empty.
        ImmutableArray<ParsedCertificate> between = CertificateFile.ReadCertificates(Chain, mayBeEmpty: true);
        var roots = TrustRoots.Load(Root, now);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(own[0].Der.Span);
        AsymmetricAlgorithm key = LoadKey(certificate);
        try
        {
            return new SigningIdentity(certificate, key, PathToRoot(certificate, [.. own[1..], .. between], roots, now));
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private ImmutableArray<ParsedCertificate> PathToRoot(
        X509Certificate2 certificate,
        ImmutableArray<ParsedCertificate> between,
        TrustRoots roots,
        DateTimeOffset now)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.ExtraStore.AddRange(Native(between.Select(c => c.Der)));
        chain.ChainPolicy.CustomTrustStore.AddRange(Native(roots.Certificates.Select(c => c.Der)));
        try
        {
            if (!chain.Build(certificate))
                throw Broken(chain.ChainStatus, between, now);
            return [.. chain.ChainElements.Select(element => ParsedCertificate.Read(element.Certificate.RawData))];
        }
        finally
        {
            foreach (X509ChainElement element in chain.ChainElements)
                element.Certificate.Dispose();
            foreach (X509Certificate2 loaded in chain.ChainPolicy.ExtraStore.Concat(chain.ChainPolicy.CustomTrustStore))
                loaded.Dispose();
        }
    }

    private static X509Certificate2[] Native(IEnumerable<ReadOnlyMemory<byte>> certificates) =>
        [.. certificates.Select(der => X509CertificateLoader.LoadCertificate(der.Span))];

    private CertificateFileException Broken(X509ChainStatus[] status, ImmutableArray<ParsedCertificate> between, DateTimeOffset now)
    {
        // An expired certificate on the way is the common case and deserves its own words.
        if (between.FirstOrDefault(above => now >= above.NotAfter) is { } expired)
        {
            return new CertificateFileException(
                Chain, CertificateFileProblem.Expired, $"certificate {expired.SerialNumber} expired {expired.NotAfter:u}");
        }

        string why = string.Join(", ", status.Select(s => s.Status));
        return new CertificateFileException(
            Certificate,
            CertificateFileProblem.ChainBroken,
            $"the certificate does not lead over {Chain} to a root in {Root} ({why})");
    }

    private AsymmetricAlgorithm LoadKey(X509Certificate2 certificate)
    {
        byte[] bytes = CertificateFile.ReadBytes(Key);
        char[] text = Encoding.UTF8.GetChars(bytes);
        CryptographicOperations.ZeroMemory(bytes);
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
            throw new CertificateFileException(Key, CertificateFileProblem.NotPem, "the file holds no PEM private key");
        // RFC 1423 encryption keeps the plain label and says so in a header.
        if (label is "ENCRYPTED PRIVATE KEY" || text.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
        {
            throw new CertificateFileException(
                Key, CertificateFileProblem.KeyEncrypted, "the key is encrypted, and nobody is there to give its passphrase");
        }

        bool wantsRsa = certificate.PublicKey.Oid.Value is "1.2.840.113549.1.1.1";
        bool wantsEc = certificate.PublicKey.Oid.Value is "1.2.840.10045.2.1";
        if (!wantsRsa && !wantsEc)
        {
            throw new CertificateFileException(
                Certificate, CertificateFileProblem.KeyUnsupported, "the certificate's key is neither ECDSA nor RSA");
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
            throw new CertificateFileException(Key, CertificateFileProblem.KeyUnsupported, "the key's curve is not supported here");
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            // PKCS#8 says inside what it is; a key of the other kind fails to import as this one.
            throw label is "PRIVATE KEY" && ImportsAsOther(text, wantsRsa)
                ? Mismatch()
                : new CertificateFileException(Key, CertificateFileProblem.Malformed, "the PEM block is not a usable private key");
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
                Key, CertificateFileProblem.KeyUnsupported, $"an RSA key of {small.KeySize} bits is too weak; {SmallestRsaKey} is the least");
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
                Certificate, CertificateFileProblem.KeyUnsupported, "the certificate's public key cannot be used here");
        }
    }

    private CertificateFileException Mismatch() =>
        new(Key, CertificateFileProblem.KeyMismatch, $"the key is not the one {Certificate} was made for");
}

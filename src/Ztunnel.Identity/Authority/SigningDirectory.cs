using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity;

/// <summary>
/// A directory in the layout of Istio's <c>cacerts</c> secret (plug in CA certificates): <c>ca-cert.pem</c> signs with
/// <c>ca-key.pem</c>, and leads over <c>cert-chain.pem</c> to a root in <c>root-cert.pem</c>.
/// </summary>
internal sealed class SigningDirectory(string directory)
{
    public string Certificate { get; } = Path.Combine(directory, "ca-cert.pem");

    public string Key { get; } = Path.Combine(directory, "ca-key.pem");

    public string Chain { get; } = Path.Combine(directory, "cert-chain.pem");

    public string Root { get; } = Path.Combine(directory, "root-cert.pem");

    /// <summary>
    /// Loads and checks all four files; throws <see cref="CertificateFileException"/> naming the one that is wrong.
    /// </summary>
    public SigningIdentity Load(DateTimeOffset now)
    {
        ImmutableArray<ParsedCertificate> own = CertificateFile.ReadCertificates(Certificate);
        CertificateFile.ThrowUnlessAuthority(Certificate, own[0], now);
        // Where the signing certificate is itself the root there is nothing between, and Istio leaves the file empty.
        ImmutableArray<ParsedCertificate> between = CertificateFile.ReadCertificates(Chain, mayBeEmpty: true);
        var roots = TrustRoots.Load(Root, now);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(own[0].Der.Span);
        AsymmetricAlgorithm key = new SigningKeyFile(Key, Certificate).Load(certificate);
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

    private CertificateFileException Broken(
        X509ChainStatus[] status, ImmutableArray<ParsedCertificate> between, DateTimeOffset now)
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
}

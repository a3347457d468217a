using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity;

/// <summary>
/// The way from a certificate over others to a root, every signature on it checked. Only what is given is looked at: no other roots,
/// no network.
/// </summary>
internal static class TrustPath
{
    /// <summary>
    /// The path from <paramref name="certificate"/> to a root, both included; empty where there is none, with
    /// <paramref name="fault"/> saying why. Where a <paramref name="purpose"/> is given, by the OID of an extended key usage, all of
    /// the path must be for that.
    /// </summary>
    public static ImmutableArray<ParsedCertificate> Find(
        X509Certificate2 certificate,
        IEnumerable<ParsedCertificate> between,
        TrustRoots roots,
        DateTimeOffset now,
        out string fault,
        string? purpose = null)
    {
        using var chain = new X509Chain();
        if (purpose is not null)
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(purpose));
        X509Certificate2[] intermediates = Native(between);
        X509Certificate2[] anchors = Native(roots.Parsed);
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.ExtraStore.AddRange(intermediates);
        chain.ChainPolicy.CustomTrustStore.AddRange(anchors);
        try
        {
            bool found = chain.Build(certificate);
            fault = found ? "" : string.Join(", ", chain.ChainStatus.Select(s => s.Status));
            return found ? [.. chain.ChainElements.Select(element => ParsedCertificate.Read(element.Certificate.RawData))] : [];
        }
        finally
        {
            foreach (X509ChainElement element in chain.ChainElements)
                element.Certificate.Dispose();
            foreach (X509Certificate2 loaded in intermediates.Concat(anchors))
                loaded.Dispose();
        }
    }

    private static X509Certificate2[] Native(IEnumerable<ParsedCertificate> certificates) =>
        [.. certificates.Select(certificate => X509CertificateLoader.LoadCertificate(certificate.Der.Span))];
}

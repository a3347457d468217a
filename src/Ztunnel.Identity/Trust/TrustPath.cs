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
        ImmutableArray<ParsedCertificate> path = [];
        X509Certificate2[] intermediates = Native(between);
        fault = "there is no root";
        try
        {
            // One root at a time: a new root often has the old one's name, and OpenSSL, offered both, may try the wrong one only.
            foreach (ParsedCertificate root in roots.Parsed)
            {
                using X509Certificate2 anchor = X509CertificateLoader.LoadCertificate(root.Der.Span);
                path = Find(certificate, intermediates, anchor, now, purpose, out string why);
                if (!path.IsEmpty)
                    break;
                fault = why;
            }
        }
        finally
        {
            foreach (X509Certificate2 loaded in intermediates)
                loaded.Dispose();
        }

        return path;
    }

    private static ImmutableArray<ParsedCertificate> Find(
        X509Certificate2 certificate, X509Certificate2[] between, X509Certificate2 root, DateTimeOffset now, string? purpose, out string fault)
    {
        using var chain = new X509Chain();
        if (purpose is not null)
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(purpose));
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.VerificationTimeIgnored = false;
        chain.ChainPolicy.ExtraStore.AddRange(between);
        chain.ChainPolicy.CustomTrustStore.Add(root);
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
        }
    }

    private static X509Certificate2[] Native(IEnumerable<ParsedCertificate> certificates) =>
        [.. certificates.Select(certificate => X509CertificateLoader.LoadCertificate(certificate.Der.Span))];
}

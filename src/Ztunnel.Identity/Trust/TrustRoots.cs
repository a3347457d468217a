using System.Collections.Immutable;

namespace Ztunnel.Identity;

/// <summary>The roots peers' chains may end in, at one moment: several while a root is being rotated. Immutable.</summary>
public sealed class TrustRoots
{
    private readonly ImmutableArray<ParsedCertificate> _roots;

    internal TrustRoots(ImmutableArray<ParsedCertificate> roots)
    {
        _roots = roots;
        Certificates = [.. roots.Select(CertificateDescription.Of)];
    }

    /// <summary>The roots, for people and for OpenSSL.</summary>
    public ImmutableArray<CertificateDescription> Certificates { get; }

    /// <summary>
    /// Takes DER certificates as roots, for an authority that learns them from elsewhere than a file. Throws
    /// <see cref="System.Security.Cryptography.CryptographicException"/> where one is no certificate, and
    /// <see cref="ArgumentException"/> where there is none at all or one is no CA.
    /// </summary>
    public static TrustRoots FromDer(IEnumerable<ReadOnlyMemory<byte>> certificates)
    {
        ImmutableArray<ParsedCertificate> roots = [.. certificates.Select(ParsedCertificate.Read)];
        if (roots.IsEmpty)
            throw new ArgumentException("a trust bundle needs at least one root", nameof(certificates));
        if (roots.FirstOrDefault(root => !root.IsAuthority) is { } leaf)
            throw new ArgumentException($"certificate {leaf.SerialNumber} is not a CA", nameof(certificates));
        return new TrustRoots(roots);
    }

    /// <summary>Whether <paramref name="certificateDer"/> is one of these.</summary>
    public bool Contains(ReadOnlySpan<byte> certificateDer)
    {
        foreach (ParsedCertificate root in _roots)
        {
            if (root.Der.Span.SequenceEqual(certificateDer))
                return true;
        }

        return false;
    }

    internal ImmutableArray<ParsedCertificate> Parsed => _roots;

    /// <summary>Whether a chain presented with <paramref name="last"/> at its end claims to lead to one of these.</summary>
    internal bool AreIssuerOf(ParsedCertificate last) =>
        _roots.Any(root => last.NamesAsIssuer(root) || last.Der.Span.SequenceEqual(root.Der.Span));

    /// <summary>
    /// Reads every certificate of a PEM file. Expired roots are left out while another is good: rotation leaves them
    /// behind, and nothing can be verified by them. Throws <see cref="CertificateFileException"/>.
    /// </summary>
    internal static TrustRoots Load(string file, DateTimeOffset now) => Of(file, CertificateFile.ReadCertificates(file), now);

    /// <summary>As <see cref="Load"/>, of what was read already from where <paramref name="file"/> says.</summary>
    internal static TrustRoots Of(string file, ImmutableArray<ParsedCertificate> all, DateTimeOffset now)
    {
        foreach (ParsedCertificate root in all)
            CertificateFile.ThrowUnlessMaySign(file, root);
        ImmutableArray<ParsedCertificate> live = all.RemoveAll(root => now >= root.NotAfter);
        if (live.IsEmpty)
        {
            throw new CertificateFileException(
                file, CertificateFileProblem.Expired, $"every root expired, the last {all.Max(root => root.NotAfter):u}");
        }

        return new TrustRoots(live);
    }
}

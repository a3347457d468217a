using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// A CA certificate, its key, and the certificates between it and the root: what signs workload certificates. Not safe
/// for two threads at once.
/// </summary>
internal sealed class SigningIdentity : IDisposable
{
    // RFC 5280 section 4.2.1.12.
    public const string ServerPurpose = "1.3.6.1.5.5.7.3.1";

    private const string ClientPurpose = "1.3.6.1.5.5.7.3.2";

    private readonly X500DistinguishedName _name;
    private readonly X509SignatureGenerator _generator;
    private readonly HashAlgorithmName _hash;
    private readonly X509Extension? _authorityKey;
    private readonly AsymmetricAlgorithm _key;

    /// <summary>Puts the parts together; they are taken to fit.</summary>
    /// <param name="certificate">The signing certificate, first of <paramref name="path"/>; borrowed for this call.</param>
    /// <param name="key">Its key, which this then owns.</param>
    /// <param name="path">The signing certificate and those above it up to the root, the root included.</param>
    public SigningIdentity(X509Certificate2 certificate, AsymmetricAlgorithm key, ImmutableArray<ParsedCertificate> path)
    {
        _name = certificate.SubjectName;
        _key = key;
        (_generator, _hash) = key switch
        {
            ECDsa ecdsa => (X509SignatureGenerator.CreateForECDsa(ecdsa), HashFor(ecdsa)),
            RSA rsa => (X509SignatureGenerator.CreateForRSA(rsa, RSASignaturePadding.Pkcs1), HashAlgorithmName.SHA256),
            _ => throw new ArgumentException("not a signing key", nameof(key)),
        };
        if (certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() is { } subjectKey)
            _authorityKey = X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(subjectKey);
        Intermediates = [.. path[..^1].Select(above => above.Der)];
        Root = path[^1];
        NotBefore = path.Max(above => above.NotBefore);
        NotAfter = path.Min(above => above.NotAfter);
    }

    /// <summary>What to present after a leaf: everything above it but the root, which a peer has or does not trust.</summary>
    public ImmutableArray<ReadOnlyMemory<byte>> Intermediates { get; }

    /// <summary>Where the path above a leaf ends.</summary>
    public ParsedCertificate Root { get; }

    /// <summary>From when the whole path above a leaf is valid.</summary>
    public DateTimeOffset NotBefore { get; }

    /// <summary>Until when the whole path above a leaf is valid.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>
    /// A root for <paramref name="trustDomain"/> that has signed itself, with a new ECDSA P-256 key. The caller owns both.
    /// </summary>
    public static (X509Certificate2 Certificate, ECDsa Key) MakeRoot(string trustDomain, DateTimeOffset now, TimeSpan lifetime)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var name = new X500DistinguishedNameBuilder();
        name.AddOrganizationName(trustDomain);
        name.AddCommonName("Ztunnel root");
        var request = new CertificateRequest(name.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        const X509KeyUsageFlags signs = X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign;
        request.CertificateExtensions.Add(new X509KeyUsageExtension(signs, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        // X509-SVID section 3.2: a signing certificate names its trust domain and has no path.
        request.CertificateExtensions.Add(SigningRequest.UriExtension($"spiffe://{trustDomain}", critical: false));
        return (request.CreateSelfSigned(now - CertificateAuthorityOptions.ClockSkew, now + lifetime), key);
    }

    /// <summary>
    /// Checks a signing request that came with <paramref name="identity"/> and signs its key a certificate that is valid for
    /// <paramref name="lifetime"/> from <paramref name="now"/> on, or as long as the path above it. Throws <see cref="IssuanceException"/>.
    /// </summary>
    public IssuedCertificate Issue(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, TimeSpan lifetime, DateTimeOffset now)
    {
        PublicKey key = SigningRequest.Check(identity, signingRequest);
        byte[] leaf = Sign(key, [ServerPurpose, ClientPurpose], SigningRequest.IdentityExtension(identity), lifetime, now);
        return new IssuedCertificate([leaf, .. Intermediates]);
    }

    /// <summary>Signs a certificate for a server of these names, with <paramref name="key"/>. In DER; throws as <see cref="Issue"/> does.</summary>
    public byte[] IssueServer(IEnumerable<string> names, ECDsa key, TimeSpan lifetime, DateTimeOffset now)
    {
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string name in names)
            alternatives.AddDnsName(name);
        return Sign(new PublicKey(key), [ServerPurpose], alternatives.Build(critical: true), lifetime, now);
    }

    private byte[] Sign(PublicKey key, string[] purposes, X509Extension names, TimeSpan lifetime, DateTimeOffset now)
    {
        if (now < NotBefore || now >= NotAfter)
        {
            throw new IssuanceException(
                IssuanceFailure.AuthorityExpired,
                $"the authority's own certificates are valid from {NotBefore:u} to {NotAfter:u}, not now");
        }

        OidCollection uses = [];
        foreach (string purpose in purposes)
            uses.Add(new Oid(purpose));
        // SPIFFE needs no subject, and an empty one leaves no second name to be believed by mistake.
        var leaf = new CertificateRequest(new X500DistinguishedName([0x30, 0x00]), key, _hash);
        leaf.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        leaf.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        leaf.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(uses, critical: false));
        leaf.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(key, critical: false));
        leaf.CertificateExtensions.Add(names);
        if (_authorityKey is not null)
            leaf.CertificateExtensions.Add(_authorityKey);
        DateTimeOffset notBefore = Later(now - CertificateAuthorityOptions.ClockSkew, NotBefore);
        DateTimeOffset notAfter = Earlier(now + lifetime, NotAfter);
        byte[] serial = RandomNumberGenerator.GetBytes(16);
        using X509Certificate2 signed = leaf.Create(_name, _generator, notBefore, notAfter, serial);
        return signed.RawData;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    public void Dispose() => _key.Dispose();

    // FIPS 186-5 pairs a hash with the curve; a longer one would be cut, a shorter one would weaken the signature.
    private static HashAlgorithmName HashFor(ECDsa key) => key.KeySize switch
    {
        <= 256 => HashAlgorithmName.SHA256,
        <= 384 => HashAlgorithmName.SHA384,
        _ => HashAlgorithmName.SHA512,
    };
}

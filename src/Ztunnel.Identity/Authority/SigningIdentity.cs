using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity;

/// <summary>
/// A CA certificate, its key, and the certificates between it and the root: what signs workload certificates. Not safe
/// for two threads at once.
/// </summary>
internal sealed class SigningIdentity : IDisposable
{
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
        NotBefore = path.Max(above => above.NotBefore);
        NotAfter = path.Min(above => above.NotAfter);
    }

    /// <summary>What to present after a leaf: everything above it but the root, which a peer has or does not trust.</summary>
    public ImmutableArray<ReadOnlyMemory<byte>> Intermediates { get; }

    /// <summary>From when the whole path above a leaf is valid.</summary>
    public DateTimeOffset NotBefore { get; }

    /// <summary>Until when the whole path above a leaf is valid.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>Signs a leaf with the given extensions, plus the one that says who signed it. Returns DER.</summary>
    public byte[] Sign(
        PublicKey publicKey, IEnumerable<X509Extension> extensions, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        // SPIFFE needs no subject, and an empty one leaves no second name to be believed by mistake.
        var empty = new X500DistinguishedName([0x30, 0x00]);
        var leaf = new CertificateRequest(empty, publicKey, _hash);
        foreach (X509Extension extension in extensions)
            leaf.CertificateExtensions.Add(extension);
        if (_authorityKey is not null)
            leaf.CertificateExtensions.Add(_authorityKey);
        byte[] serial = RandomNumberGenerator.GetBytes(16);
        using X509Certificate2 signed = leaf.Create(_name, _generator, notBefore, notAfter, serial);
        return signed.RawData;
    }

    public void Dispose() => _key.Dispose();

    // FIPS 186-5 pairs a hash with the curve; a longer one would be cut, a shorter one would weaken the signature.
    private static HashAlgorithmName HashFor(ECDsa key) => key.KeySize switch
    {
        <= 256 => HashAlgorithmName.SHA256,
        <= 384 => HashAlgorithmName.SHA384,
        _ => HashAlgorithmName.SHA512,
    };
}

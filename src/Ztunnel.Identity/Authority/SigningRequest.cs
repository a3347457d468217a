using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// The certificate signing request of a workload (PKCS#10, RFC 2986): its key, and its identity as the one URI of the
/// subject alternative name. Both ends of it are here, asking and checking.
/// </summary>
internal static class SigningRequest
{
    private const int MaxLength = 16 * 1024;

    /// <summary>
    /// Asks for a certificate for <paramref name="identity"/>, signed by <paramref name="key"/> to prove who holds it.
    /// </summary>
    public static byte[] Create(SpiffeId identity, ECDsa key)
    {
        var request = new CertificateRequest(new X500DistinguishedName([0x30, 0x00]), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(IdentityExtension(identity));
        return request.CreateSigningRequest();
    }

    /// <summary>
    /// The identity as the subject alternative name; critical, because the subject beside it is empty (X509-SVID section
    /// 3.1). Written here rather than by <see cref="SubjectAlternativeNameBuilder"/>, whose <see cref="Uri"/> may respell it.
    /// </summary>
    public static X509Extension IdentityExtension(SpiffeId identity) => UriExtension(identity.ToString(), critical: true);

    /// <summary>A URI as the one subject alternative name.</summary>
    public static X509Extension UriExtension(string uri, bool critical)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
            writer.WriteCharacterString(UniversalTagNumber.IA5String, uri, new Asn1Tag(TagClass.ContextSpecific, 6));
        return new X509Extension(ParsedCertificate.SubjectAlternativeNameOid, writer.Encode(), critical);
    }

    /// <summary>Checks a request that came with <paramref name="identity"/> and returns the key to certify.</summary>
    /// <exception cref="IssuanceException">The request is malformed, not signed by its key, or asks for another name.</exception>
    public static PublicKey Check(SpiffeId identity, ReadOnlyMemory<byte> der)
    {
        if (der.Length > MaxLength)
        {
            throw new IssuanceException(
                IssuanceFailure.MalformedRequest, $"the signing request has {der.Length} bytes, over the {MaxLength} allowed");
        }

        // Once without and once with the signature looked at, to tell a broken request from one that is not the asker's.
        CertificateRequest unproven = TryLoad(der, CertificateRequestLoadOptions.SkipSignatureValidation)
            ?? throw new IssuanceException(IssuanceFailure.MalformedRequest, "the signing request is not PKCS#10");
        ThrowUnlessStrong(unproven.PublicKey);
        CertificateRequest request = TryLoad(der, CertificateRequestLoadOptions.Default)
            ?? throw new IssuanceException(IssuanceFailure.BadSignature, "the signing request is not signed by the key in it");
        ThrowUnlessAsksFor(identity, request);
        return request.PublicKey;
    }

    /// <summary>The DER of SubjectPublicKeyInfo in a request of our own making.</summary>
    public static byte[] KeyOf(ReadOnlyMemory<byte> der) =>
        CertificateRequest.LoadSigningRequest(der.Span, HashAlgorithmName.SHA256, out _).PublicKey.ExportSubjectPublicKeyInfo();

    private static CertificateRequest? TryLoad(ReadOnlyMemory<byte> der, CertificateRequestLoadOptions options)
    {
        try
        {
            // The extensions are loaded to read the name asked for; none of them is copied into the certificate.
            var request = CertificateRequest.LoadSigningRequest(
                der.Span,
                HashAlgorithmName.SHA256,
                out int consumed,
                options | CertificateRequestLoadOptions.UnsafeLoadCertificateExtensions);
            return consumed == der.Length ? request : null;
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException)
        {
            return null;
        }
    }

    private static void ThrowUnlessStrong(PublicKey key)
    {
        try
        {
            using ECDsa? ec = key.GetECDsaPublicKey();
            using RSA? rsa = key.GetRSAPublicKey();
            if (ec?.KeySize is 256 or 384 or 521 || rsa?.KeySize >= SigningKeyFile.SmallestRsaKey)
                return;
        }
        catch (Exception e) when (e is CryptographicException or PlatformNotSupportedException)
        {
            // An unknown curve, or bytes that are no point on it.
        }

        throw new IssuanceException(
            IssuanceFailure.UnsuitableKey, $"the key is neither ECDSA on a NIST curve nor RSA of {SigningKeyFile.SmallestRsaKey} bits or more");
    }

    private static void ThrowUnlessAsksFor(SpiffeId identity, CertificateRequest request)
    {
        X509Extension[] names = [.. request.CertificateExtensions.Where(e => e.Oid?.Value == ParsedCertificate.SubjectAlternativeNameOid)];
        if (names.Length != 1)
            throw Wrong(identity, $"{names.Length} subject alternative names");
        try
        {
            IReadOnlyList<string> uris = ParsedCertificate.ReadUris(names[0].RawData, out int count);
            if (count != 1 || uris.Count != 1)
                throw Wrong(identity, $"{count} names, {uris.Count} of them URIs");
            if (string.Equals(uris[0], identity.ToString(), StringComparison.Ordinal))
                return;
            bool isIdentity = SpiffeId.TryParse(uris[0], out SpiffeId? other, out _);
            throw Wrong(identity, isIdentity ? other!.ToString() : "a URI that is no SPIFFE identity");
        }
        catch (AsnContentException e)
        {
            throw new IssuanceException(
                IssuanceFailure.MalformedRequest, "the subject alternative name is not well-formed DER", e);
        }
    }

    private static IssuanceException Wrong(SpiffeId identity, string asked) =>
        new(IssuanceFailure.WrongIdentity, $"the signing request for {identity} asks for {asked}");
}

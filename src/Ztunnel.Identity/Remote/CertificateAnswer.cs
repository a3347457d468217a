using System.Collections.Immutable;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>What an authority sent back: believed only if it is what was asked for.</summary>
internal sealed class CertificateAnswer
{
    private readonly ImmutableArray<ParsedCertificate> _certificates;

    private CertificateAnswer(ImmutableArray<ParsedCertificate> certificates) => _certificates = certificates;

    /// <summary>The certificates that signed themselves: the roots, as Istio's clients take them.</summary>
    public ImmutableArray<ParsedCertificate> Roots => [.. _certificates[1..].Where(
        certificate => certificate.IsAuthority && certificate.Subject.Span.SequenceEqual(certificate.Issuer.Span))];

    /// <summary>Reads the answer's bytes. Throws <see cref="IssuanceException"/>.</summary>
    public static CertificateAnswer Read(byte[] answer)
    {
        try
        {
            // One certificate to a string, or several: each starts where the one before it ends, whoever cut them.
            string pem = string.Join('\n', IstioCertificateResponse.Parser.ParseFrom(answer).CertChain);
            return new CertificateAnswer(CertificateFile.ParseCertificates("answer", pem));
        }
        catch (Exception e) when (e is Google.Protobuf.InvalidProtocolBufferException or CertificateFileException)
        {
            throw Bad(e.Message);
        }
    }

    /// <summary>
    /// The chain to present: for this identity, for the key of this request, valid now, and with every signature up to one of
    /// <paramref name="roots"/> checked. Throws <see cref="IssuanceException"/>.
    /// </summary>
    public IssuedCertificate Accept(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, TrustRoots roots, DateTimeOffset now)
    {
        ParsedCertificate leaf = _certificates[0];
        string? fault = leaf switch
        {
            { IsAuthority: true } => "the first certificate is an authority's",
            { Uris: not [_] } => "the certificate does not have exactly one URI name",
            { Uris: [var uri] } when !string.Equals(uri, identity.ToString(), StringComparison.Ordinal) => $"the certificate is not for {identity}",
            _ when !leaf.PublicKey.Span.SequenceEqual(SigningRequest.KeyOf(signingRequest)) => "the certificate is for another key",
            _ when now >= leaf.NotAfter => $"the certificate expired {leaf.NotAfter:u}",
            _ when now < leaf.NotBefore => $"the certificate is not valid before {leaf.NotBefore:u}",
            _ => null,
        };
        if (fault is not null)
            throw Bad(fault);
        using X509Certificate2 native = X509CertificateLoader.LoadCertificate(leaf.Der.Span);
        ImmutableArray<ParsedCertificate> path = TrustPath.Find(native, _certificates[1..], roots, now, out string why);
        return path.IsEmpty
            ? throw Bad($"the certificate does not lead to a root of the mesh ({why})")
            : new IssuedCertificate([.. path[..^1].Select(certificate => certificate.Der)]);
    }

    private static IssuanceException Bad(string fault) => new(IssuanceFailure.BadAnswer, fault);
}

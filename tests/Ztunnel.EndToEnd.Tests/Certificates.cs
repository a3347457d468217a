using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Identity;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What a peer of the test's own needs to speak TLS with the mesh, by the platform's TLS and not by ours.</summary>
internal static class Certificates
{
    /// <summary>A certificate for <paramref name="identity"/> of whatever authority, with its key.</summary>
    public static async Task<X509Certificate2> Issue(ICertificateAuthority authority, string identity)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(identity));
        request.CertificateExtensions.Add(names.Build(critical: true));
        IssuedCertificate issued = await authority.Issue(SpiffeId.Parse(identity), request.CreateSigningRequest(), CancellationToken.None);
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(issued.Chain[0].Span);
        return bare.CopyWithPrivateKey(key);
    }

    public static SslServerAuthenticationOptions Server(X509Certificate2 certificate) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true),
        ClientCertificateRequired = true,
        RemoteCertificateValidationCallback = (_, peer, _, _) => peer is not null,
        ApplicationProtocols = [SslApplicationProtocol.Http2],
        EnabledSslProtocols = SslProtocols.Tls13,
    };

    public static SslClientAuthenticationOptions Client(X509Certificate2? certificate) => new()
    {
        TargetHost = "ztunnel",
        ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate, additionalCertificates: null, offline: true),
        RemoteCertificateValidationCallback = (_, peer, _, _) => peer is not null,
        ApplicationProtocols = [SslApplicationProtocol.Http2],
        EnabledSslProtocols = SslProtocols.Tls13,
    };
}

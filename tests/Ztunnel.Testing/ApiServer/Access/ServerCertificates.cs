using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Testing.Api;

/// <summary>The certificate authority of a server: its own certificate, and those that prove who a client is.</summary>
internal sealed class ServerCertificates : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1", ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;

    /// <summary>Makes an authority.</summary>
    public ServerCertificates()
    {
        CertificateRequest request = new("CN=kubernetes", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-2), DateTimeOffset.UtcNow.AddDays(30));
    }

    /// <summary>The root, as PEM.</summary>
    public string RootPem => _root.ExportCertificatePem();

    /// <summary>A certificate for the server, with its key.</summary>
    public X509Certificate2 ForServer()
    {
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        names.AddDnsName("kubernetes.default.svc");
        names.AddIpAddress(IPAddress.Loopback);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 bare = Issue("CN=kube-apiserver", key, ServerAuthentication, names.Build());
        return bare.CopyWithPrivateKey(key);
    }

    /// <summary>A certificate for a user: the name as CN, the groups as O.</summary>
    public (string CertificatePem, string KeyPem) ForUser(ApiUser user)
    {
        X500DistinguishedNameBuilder subject = new();
        foreach (string group in user.Groups)
            subject.AddOrganizationName(group);
        subject.AddCommonName(user.Name);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Issue(subject.Build().Name, key, ClientAuthentication, null);
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Whether a client's certificate is one of these.</summary>
    public bool Trusts(X509Certificate2 certificate)
    {
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(_root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }

    private X509Certificate2 Issue(string subject, ECDsa key, string purpose, X509Extension? extension)
    {
        CertificateRequest request = new(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], false));
        if (extension is not null)
            request.CertificateExtensions.Add(extension);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return request.Create(_root, now.AddDays(-1), now.AddDays(20), RandomNumberGenerator.GetBytes(16));
    }
}

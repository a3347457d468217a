using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Kubernetes.Tests;

/// <summary>An authority for servers and clients of tests.</summary>
internal sealed class ServerCertificates : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;

    public ServerCertificates()
    {
        var request = new CertificateRequest("CN=cluster", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    public string RootPem => _root.ExportCertificatePem();

    public X509Certificate2 Issue(string name, string? dns = null)
    {
        (string certificate, string key) = IssuePem(name, dns);
        using var pem = X509Certificate2.CreateFromPem(certificate, key);
        // Kestrel wants the key in the form of a file.
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    public (string Certificate, string Key) IssuePem(string name, string? dns = null)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        if (dns is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(dns);
            request.CertificateExtensions.Add(names.Build());
        }

        using X509Certificate2 issued = request.Create(
            _root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(12), RandomNumberGenerator.GetBytes(16));
        return (issued.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Resources.Tests;

/// <summary>A certificate signed by itself, and its key, as PEM.</summary>
internal sealed record TestCertificate(string Chain, string Key)
{
    public static TestCertificate For(string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(90));
        return new TestCertificate(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}

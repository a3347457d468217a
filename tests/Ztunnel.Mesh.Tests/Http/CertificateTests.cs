using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Ztunnel.Mesh.Tests;

/// <summary>Certificates of listeners: what is taken, and that the key stays where it is.</summary>
public sealed class CertificateTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_chain_and_its_key_are_read(bool rsa)
    {
        (string chain, string key) = Make(rsa);

        var certificate = ListenerCertificate.FromPem("infra/tls", chain, key);

        using AsymmetricAlgorithm opened = certificate.OpenKey();
        Assert.Equal(rsa, opened is RSA);
        Assert.Single(certificate.Chain);
        Assert.Equal(certificate, ListenerCertificate.FromPem("infra/tls", chain, key));
        (string otherChain, string otherKey) = Make(rsa);
        Assert.NotEqual(certificate, ListenerCertificate.FromPem("infra/tls", otherChain, otherKey));
    }

    [Fact]
    public void Its_names_are_those_of_the_certificate_or_its_common_name()
    {
        Assert.Equal("a.aliyun.com", Named());
        Assert.Equal("www.example.com *.example.com", Named("WWW.example.com", "*.Example.com", "www.example.com"));

        static string Named(params string[] names)
        {
            (string chain, string key) = Make(rsa: false, names);
            return string.Join(' ', ListenerCertificate.FromPem("infra/tls", chain, key).Names);
        }
    }

    [Fact]
    public void Names_that_cannot_be_read_are_a_fault_of_the_certificate()
    {
        (string chain, string key) = Make(rsa: false, extension: new X509Extension("2.5.29.17", [0x30, 0x05, 0x82, 0x07, 0x61], critical: false));
        var error = Assert.Throws<CryptographicException>(() => ListenerCertificate.FromPem("infra/tls", chain, key));
        Assert.Equal("holds a certificate whose names cannot be read", error.Message);
    }

    [Fact]
    public void Nothing_shows_the_key()
    {
        (string chain, string key) = Make(rsa: false);
        var certificate = ListenerCertificate.FromPem("infra/tls", chain, key);
        string secret = key.Split('\n')[1];
        var listener = new HttpListener { Gateway = new GatewayName("infra", "g"), Name = "https", Port = 443, Tls = true, Certificates = [certificate] };

        Assert.Equal("Secret infra/tls", certificate.ToString());
        Assert.DoesNotContain(secret, listener.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(secret[..16], JsonSerializer.Serialize(certificate), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_used_is_refused_without_quoting_it()
    {
        (string chain, string key) = Make(rsa: false);
        (string otherChain, _) = Make(rsa: false);

        Assert.Contains("no PEM certificate", Refusal("garbage", key), StringComparison.Ordinal);
        Assert.Contains("no PEM certificate", Refusal("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", key), StringComparison.Ordinal);
        Assert.Contains("no PEM private key", Refusal(chain, "garbage"), StringComparison.Ordinal);
        Assert.Contains("no PEM private key", Refusal(otherChain, key), StringComparison.Ordinal);

        string Refusal(string certificates, string privateKey)
        {
            string message = Assert.Throws<CryptographicException>(() => ListenerCertificate.FromPem("infra/tls", certificates, privateKey)).ToString();
            Assert.DoesNotContain(key.Split('\n')[1], message, StringComparison.Ordinal);
            return message;
        }
    }

    private static (string Chain, string Key) Make(bool rsa, string[]? names = null, X509Extension? extension = null)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsaKey
            ? new CertificateRequest("CN=a.aliyun.com", rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest("CN=a.aliyun.com", (ECDsa)key, HashAlgorithmName.SHA256);
        var builder = new SubjectAlternativeNameBuilder();
        foreach (string name in names ?? [])
            builder.AddDnsName(name);
        if (names is { Length: > 0 })
            request.CertificateExtensions.Add(builder.Build());
        if (extension is not null)
            request.CertificateExtensions.Add(extension);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(90));
        return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }
}

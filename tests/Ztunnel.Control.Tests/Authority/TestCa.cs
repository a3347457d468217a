using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Identity;

namespace Ztunnel.Control.Tests;

/// <summary>A root of an operator's, and the files of <c>cacerts</c> made with it.</summary>
internal sealed class TestCa : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public TestCa(DateTimeOffset now)
    {
        _certificate = Make("CN=root", _key, now, null, _key);
        Root = ParsedCertificate.Read(_certificate.RawData);
    }

    public ParsedCertificate Root { get; }

    public string Pem => _certificate.ExportCertificatePem() + "\n";

    /// <summary>The files where the root itself signs; <paramref name="others"/> are trusted beside it.</summary>
    public Dictionary<string, byte[]> Files(params TestCa[] others) => Files(Pem, _key, others);

    /// <summary>The files where a new intermediate signs.</summary>
    public Dictionary<string, byte[]> IntermediateFiles(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Make("CN=intermediate", key, now, _certificate, _key);
        return Files(certificate.ExportCertificatePem() + "\n", key, []);
    }

    public OfferedAuthority Self(DateTimeOffset now, params TestCa[] others) => Offer(Files(others), now, [Root, .. others.Select(other => other.Root)]);

    public OfferedAuthority Intermediate(DateTimeOffset now) => Offer(IntermediateFiles(now), now, [Root]);

    /// <summary>The files as the Secret <c>cacerts</c>.</summary>
    public static JsonObject Secret(Dictionary<string, byte[]> files)
    {
        var data = new JsonObject();
        foreach ((string name, byte[] bytes) in files)
            data[name] = Convert.ToBase64String(bytes);
        return new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Secret",
            ["metadata"] = new JsonObject { ["name"] = "cacerts", ["namespace"] = "istio-system" },
            ["data"] = data,
        };
    }

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
    }

    private static OfferedAuthority Offer(Dictionary<string, byte[]> files, DateTimeOffset now, ImmutableArray<ParsedCertificate> roots) =>
        new(SigningMaterial.Read("test", files, now), roots, Immediate: false);

    private Dictionary<string, byte[]> Files(string certificate, ECDsa key, TestCa[] others) => new(StringComparer.Ordinal)
    {
        ["ca-cert.pem"] = Encoding.ASCII.GetBytes(certificate),
        ["ca-key.pem"] = Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"),
        ["cert-chain.pem"] = [],
        ["root-cert.pem"] = Encoding.ASCII.GetBytes(Pem + string.Concat(others.Select(other => other.Pem))),
    };

    private static X509Certificate2 Make(string name, ECDsa key, DateTimeOffset now, X509Certificate2? issuer, ECDsa issuerKey)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.Create(
            issuer?.SubjectName ?? request.SubjectName,
            X509SignatureGenerator.CreateForECDsa(issuerKey),
            now.AddMinutes(issuer is null ? -2 : -1),
            now.AddDays(issuer is null ? 300 : 200),
            RandomNumberGenerator.GetBytes(8));
    }
}

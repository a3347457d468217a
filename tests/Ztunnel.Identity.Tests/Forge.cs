using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity.Tests;

/// <summary>A certificate and its key, made as a test wants them: right, or wrong in one way.</summary>
internal sealed class Forge : IDisposable
{
    private Forge(X509Certificate2 certificate, AsymmetricAlgorithm key) => (Certificate, Key) = (certificate, key);

    public X509Certificate2 Certificate { get; }

    public AsymmetricAlgorithm Key { get; }

    public byte[] Der => Certificate.RawData;

    public string Pem => Certificate.ExportCertificatePem() + "\n";

    public string KeyPem => Key.ExportPkcs8PrivateKeyPem() + "\n";

    public static Forge Root(DateTimeOffset now, string name = "root", bool rsa = false, TimeSpan? lifetime = null) =>
        Make(null, name, now, rsa, lifetime, ca: true);

    public Forge Intermediate(DateTimeOffset now, string name = "intermediate", TimeSpan? lifetime = null, bool ca = true, bool rsa = false) =>
        Make(this, name, now, rsa, lifetime, ca);

    /// <summary>A workload's certificate with these names.</summary>
    public Forge Leaf(DateTimeOffset now, params string[] uris) => Make(this, "", now, rsa: false, null, ca: false, Names(uris));

    public Forge Leaf(DateTimeOffset now, X509Extension? names, TimeSpan? lifetime = null, bool ca = false, X509Extension? further = null) =>
        Make(this, "", now, rsa: false, lifetime, ca, names, further);

    public static Forge SelfSignedLeaf(DateTimeOffset now, string uri) => Make(null, "self", now, rsa: false, null, ca: false, Names(uri));

    public static X509Extension Names(params IEnumerable<string> uris)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (string uri in uris)
                writer.WriteCharacterString(UniversalTagNumber.IA5String, uri, new Asn1Tag(TagClass.ContextSpecific, 6));
        }

        return new X509Extension("2.5.29.17", writer.Encode(), critical: true);
    }

    public static X509Extension DnsName(string name)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        return names.Build();
    }

    public void Dispose()
    {
        Certificate.Dispose();
        Key.Dispose();
    }

    private static Forge Make(
        Forge? issuer, string name, DateTimeOffset now, bool rsa, TimeSpan? lifetime, bool ca, params X509Extension?[] further)
    {
        AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var subject = new X500DistinguishedName(name.Length == 0 ? "" : $"CN={name}");
        var request = key is RSA rsaKey
            ? new CertificateRequest(subject, rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest(subject, (ECDsa)key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(ca, false, 0, critical: true));
        X509KeyUsageFlags usage = ca ? X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.DigitalSignature : X509KeyUsageFlags.DigitalSignature;
        request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        foreach (X509Extension extension in further.OfType<X509Extension>())
            request.CertificateExtensions.Add(extension);
        X509SignatureGenerator signer = (issuer?.Key ?? key) switch
        {
            RSA r => X509SignatureGenerator.CreateForRSA(r, RSASignaturePadding.Pkcs1),
            AsymmetricAlgorithm other => X509SignatureGenerator.CreateForECDsa((ECDsa)other),
        };
        DateTimeOffset from = now - TimeSpan.FromMinutes(5);
        DateTimeOffset to = now + (lifetime ?? TimeSpan.FromDays(30));
        if (to < from)
            from = to - TimeSpan.FromDays(1);
        X509Certificate2 certificate = request.Create(
            issuer?.Certificate.SubjectName ?? subject, signer, from, to, RandomNumberGenerator.GetBytes(16));
        return new Forge(certificate, key);
    }
}

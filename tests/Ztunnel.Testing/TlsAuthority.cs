using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.IO;

namespace Ztunnel.Testing;

/// <summary>A certificate authority for tests, and what it issues.</summary>
public sealed class TlsAuthority : IDisposable
{
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _root;

    /// <summary>A root, or with <paramref name="parent"/> an intermediate.</summary>
    public TlsAuthority(string name = "root", TlsAuthority? parent = null)
    {
        CertificateRequest request = new($"CN={name}", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        DateTimeOffset now = DateTimeOffset.UtcNow;
        if (parent is null)
        {
            _root = request.CreateSelfSigned(now.AddDays(-30), now.AddDays(30));
            return;
        }

        using X509Certificate2 bare = request.Create(
            parent._root, now.AddDays(-29), now.AddDays(29), RandomNumberGenerator.GetBytes(16));
        _root = bare.CopyWithPrivateKey(_key);
    }

    /// <summary>The root certificate.</summary>
    public ReadOnlyMemory<byte> RootDer => _root.RawData;

    /// <summary>The root certificate as PEM.</summary>
    public string RootPem => _root.ExportCertificatePem();

    /// <summary>A certificate for spiffe://test/<paramref name="name"/>, good from an hour ago.</summary>
    public (X509Certificate2 Certificate, ECDsa Key) Issue(string name, TimeSpan? lifetime = null)
    {
        ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddUri(new Uri($"spiffe://test/{name}"));
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        DateTimeOffset start = DateTimeOffset.UtcNow.AddHours(-1);
        X509Certificate2 certificate = request.Create(
            _root, start, start + (lifetime ?? TimeSpan.FromDays(1)), RandomNumberGenerator.GetBytes(16));
        return (certificate, key);
    }

    /// <summary>A context with a certificate of this authority that trusts <paramref name="trusted"/>, by default the same.</summary>
    public TlsContext Context(
        string name, TlsRule? rule = null, TlsAuthority? trusted = null, TimeSpan? lifetime = null, string[]? alpn = null)
    {
        TlsContext context = new(new TlsContextOptions { Verifier = rule ?? new TlsRule(), Alpn = alpn ?? ["h2"] });
        Update(context, name, trusted, lifetime);
        return context;
    }

    /// <summary>Gives a context a new certificate of this authority, and what it is to trust.</summary>
    public void Update(TlsContext context, string name, TlsAuthority? trusted = null, TimeSpan? lifetime = null)
    {
        (X509Certificate2 certificate, ECDsa key) = Issue(name, lifetime);
        using TlsCertificate ours = new([certificate.RawData], key);
        context.Update(ours, [(trusted ?? this).RootDer]);
        certificate.Dispose();
        key.Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _root.Dispose();
        _key.Dispose();
    }
}

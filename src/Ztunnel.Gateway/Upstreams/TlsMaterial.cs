using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a gateway shows a backend, and by what it checks what the backend shows.</summary>
internal sealed class TlsMaterial
{
    private readonly TlsCredential? _credential;
    private readonly DateTime _changed;

    private TlsMaterial(TlsOrigination tls, TlsCredential? credential)
    {
        _credential = credential;
        _changed = LastChange(tls);
    }

    /// <summary>What it shows; null for nothing.</summary>
    public SslStreamCertificateContext? Own { get; private init; }

    /// <summary>What the backend's certificate has to lead to; null for the system's roots.</summary>
    public X509Certificate2Collection? Roots { get; private init; }

    /// <summary>
    /// Reads it. Throws <see cref="AuthenticationException"/>, <see cref="IOException"/> or <see cref="CryptographicException"/> where
    /// it is not there or cannot be read.
    /// </summary>
    public static TlsMaterial Read(TlsOrigination tls, TlsCredential? credential) => new(tls, credential)
    {
        Own = tls.Mode == TlsOriginationMode.Mutual ? ReadOwn(tls, credential) : null,
        Roots = ReadRoots(tls, credential),
    };

    /// <summary>Whether it is still what the Secret and the files say.</summary>
    public bool IsOf(TlsOrigination tls, TlsCredential? credential) => ReferenceEquals(_credential, credential) && _changed == LastChange(tls);

    private static SslStreamCertificateContext ReadOwn(TlsOrigination tls, TlsCredential? credential)
    {
        if (credential?.Certificate is { } held)
        {
            using X509Certificate2 leaf = X509CertificateLoader.LoadCertificate(held.Chain[0].Span);
            using AsymmetricAlgorithm key = held.OpenKey();
            X509Certificate2 own = key is RSA rsa ? leaf.CopyWithPrivateKey(rsa) : leaf.CopyWithPrivateKey((ECDsa)key);
            var chain = new X509Certificate2Collection();
            foreach (ReadOnlyMemory<byte> certificate in held.Chain.Skip(1))
                chain.Add(X509CertificateLoader.LoadCertificate(certificate.Span));
            return SslStreamCertificateContext.Create(own, chain, offline: true);
        }

        if (tls is { ClientCertificate: { } file, PrivateKey: { } keyFile })
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(file);
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(file, keyFile), chain, offline: true);
        }

        throw new AuthenticationException("MUTUAL, and no certificate to show");
    }

    private static X509Certificate2Collection? ReadRoots(TlsOrigination tls, TlsCredential? credential)
    {
        var roots = new X509Certificate2Collection();
        if (credential?.Roots is { } pem)
            roots.ImportFromPem(pem);
        else if (tls.CaCertificates is { } file)
            roots.ImportFromPemFile(file);
        else
            return null;
        return roots.Count > 0 ? roots : throw new AuthenticationException("the roots hold no certificate");
    }

    private static DateTime LastChange(TlsOrigination tls)
    {
        DateTime last = default;
        foreach (string? file in (ReadOnlySpan<string?>)[tls.CaCertificates, tls.ClientCertificate, tls.PrivateKey])
        {
            if (file is not null && File.GetLastWriteTimeUtc(file) is var written && written > last)
                last = written;
        }

        return last;
    }
}

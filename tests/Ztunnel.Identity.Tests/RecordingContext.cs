using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity.Tests;

/// <summary>Stands in for a TLS context and remembers what it was given.</summary>
internal sealed class RecordingContext : IWorkloadContext
{
    /// <summary>Serial numbers of the leaves installed, in order.</summary>
    public ConcurrentQueue<string> Installed { get; } = new();

    /// <summary>Every key that was installed, in PKCS#8.</summary>
    public ConcurrentQueue<byte[]> Keys { get; } = new();

    /// <summary>The roots last given.</summary>
    public TrustRoots? Roots { get; private set; }

    /// <summary>How often it was given roots alone.</summary>
    public int Trusted { get; private set; }

    public bool Disposed { get; private set; }

    /// <summary>Thrown by everything when set.</summary>
    public Exception? Fault { get; set; }

    public void Install(KeyedCertificate certificate, TrustRoots roots)
    {
        ThrowIfUnfit();
        using X509Certificate2 presented = X509CertificateLoader.LoadCertificate(certificate.Chain[0].Der.Span);
        using ECDsa? leaf = presented.GetECDsaPublicKey();
        byte[] probe = new byte[32];
        if (!leaf!.VerifyHash(probe, certificate.Key.SignHash(probe)))
            throw new InvalidOperationException("the key is not the leaf's");
        Keys.Enqueue(certificate.Key.ExportPkcs8PrivateKey());
        Roots = roots;
        Installed.Enqueue(certificate.Chain[0].SerialNumber);
    }

    public void Trust(TrustRoots roots)
    {
        ThrowIfUnfit();
        if (Installed.IsEmpty)
            throw new InvalidOperationException("roots without a certificate");
        Roots = roots;
        Trusted++;
    }

    public void Dispose() => Disposed = true;

    private void ThrowIfUnfit()
    {
        ObjectDisposedException.ThrowIf(Disposed, this);
        if (Fault is not null)
            throw Fault;
    }
}

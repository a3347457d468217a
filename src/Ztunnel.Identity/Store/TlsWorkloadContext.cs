using Ztunnel.IO;

namespace Ztunnel.Identity;

/// <summary>One identity's TLS context, for connections in both roles.</summary>
internal sealed class TlsWorkloadContext(IPeerVerifier verifier) : IWorkloadContext
{
    private readonly Lock _gate = new();
    private TlsCertificate? _certificate;

    public TlsContext Context { get; } = new(new TlsContextOptions { Verifier = verifier });

    public void Install(KeyedCertificate certificate, TrustRoots roots)
    {
        var next = new TlsCertificate([.. certificate.Chain.Select(c => c.Der)], certificate.Key);
        lock (_gate)
        {
            try
            {
                Context.Update(next, Ders(roots));
            }
            catch
            {
                next.Dispose();
                throw;
            }

            _certificate?.Dispose();
            _certificate = next;
        }
    }

    public void Trust(TrustRoots roots)
    {
        lock (_gate)
        {
            if (_certificate is not null)
                Context.Update(_certificate, Ders(roots));
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            Context.Dispose();
            _certificate?.Dispose();
            _certificate = null;
        }
    }

    private static IReadOnlyList<ReadOnlyMemory<byte>> Ders(TrustRoots roots) => [.. roots.Certificates.Select(root => root.Der)];
}

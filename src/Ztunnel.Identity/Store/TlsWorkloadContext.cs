using Ztunnel.IO;

namespace Ztunnel.Identity;

/// <summary>
/// A certificate put to use in a <see cref="TlsContext"/>, which serves both roles. The certificate is kept, its key in
/// OpenSSL's memory only, for the day when the roots change and it does not. Not safe for two threads at once; its owner
/// takes turns.
/// </summary>
internal sealed class TlsWorkloadContext(IPeerVerifier verifier) : IWorkloadContext
{
    private TlsCertificate? _certificate;

    public TlsContext Context { get; } = new(new TlsContextOptions { Verifier = verifier });

    public void Install(KeyedCertificate certificate, TrustRoots roots)
    {
        var next = new TlsCertificate([.. certificate.Chain.Select(presented => presented.Der)], certificate.Key);
        try
        {
            Context.Update(next, Der(roots));
        }
        catch
        {
            next.Dispose();
            throw;
        }

        _certificate?.Dispose();
        _certificate = next;
    }

    public void Trust(TrustRoots roots) =>
        Context.Update(_certificate ?? throw new InvalidOperationException("roots without a certificate"), Der(roots));

    public void Dispose()
    {
        Context.Dispose();
        _certificate?.Dispose();
    }

    private static IReadOnlyList<ReadOnlyMemory<byte>> Der(TrustRoots roots) => [.. roots.Certificates.Select(root => root.Der)];
}

using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// What a listener shows under certain names: one certificate for each kind of key, so that each client gets one it can
/// verify, in one TLS context, which lives as long as the names are the same.
/// </summary>
internal sealed class CertificateSet(ValueArray<string> names, TlsContext context)
{
    private ValueArray<ListenerCertificate>? _shown;

    /// <summary>The names.</summary>
    public ValueArray<string> Names => names;

    /// <summary>The context that shows it.</summary>
    public TlsContext Context => context;

    /// <summary>
    /// Certificates by their names, in the order of the first of each; of the same names and kind of key the first counts.
    /// </summary>
    public static IEnumerable<ValueArray<ListenerCertificate>> Group(ValueArray<ListenerCertificate> certificates) => certificates
        .GroupBy(certificate => certificate.Names)
        .Select(same => (ValueArray<ListenerCertificate>)[.. same.DistinctBy(certificate => certificate.KeyAlgorithm, StringComparer.Ordinal)]);

    /// <summary>Shows these certificates from the next handshake on. Throws when they cannot be used; what was shown before stays then.</summary>
    public void Show(ValueArray<ListenerCertificate> certificates, Func<ListenerCertificate, TlsCertificate> open)
    {
        if (_shown is { } same && same.Equals(certificates))
            return;
        List<TlsCertificate> opened = [];
        try
        {
            foreach (ListenerCertificate certificate in certificates)
                opened.Add(open(certificate));
            context.Update(opened, []);
            _shown = certificates;
        }
        finally
        {
            foreach (TlsCertificate certificate in opened)
                certificate.Dispose();
        }
    }
}

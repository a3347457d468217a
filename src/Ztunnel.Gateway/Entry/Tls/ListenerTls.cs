using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// The certificates that listeners show, chosen by the name the client asks for: first the listener, then among its
/// certificates. A changed Secret takes effect on the next handshake; open connections stay.
/// </summary>
/// <param name="pod">What is listened on.</param>
/// <param name="open">Makes a certificate ready for use: <see cref="Open"/>.</param>
/// <param name="logger">Where what cannot be used is logged.</param>
internal sealed partial class ListenerTls(GatewayPod pod, Func<ListenerCertificate, TlsCertificate> open, ILogger logger) : IDisposable
{
    private static readonly NoPeers Nobody = new();

    private readonly ConcurrentDictionary<Key, ShownCertificates> _shown = new();

    /// <summary>Makes a listener's certificate ready for use.</summary>
    public static TlsCertificate Open(ListenerCertificate certificate)
    {
        using AsymmetricAlgorithm key = certificate.OpenKey();
        return new TlsCertificate(certificate.Chain, key);
    }

    /// <summary>
    /// Takes note of the listeners there are now. A certificate that cannot be used costs its own names only, and what was shown
    /// before goes on being shown for them, or where nothing else is left. False when that may be otherwise next time. Not to be
    /// called twice at a time.
    /// </summary>
    public bool Update(PortTable ports)
    {
        bool all = true;
        HashSet<Key> kept = [];
        foreach (HttpPort port in ports.Ports)
        {
            foreach (ServedListener listener in port.All.Where(listener => listener.Certificates.Count > 0))
            {
                Key key = KeyOf(port.Number, listener);
                kept.Add(key);
                all &= Update(key, listener);
            }
        }

        foreach (Key gone in _shown.Keys.Except(kept))
        {
            if (_shown.TryRemove(gone, out ShownCertificates? former))
                former.Release([]);
        }

        return all;
    }

    /// <summary>A context to begin a handshake on a port with; null when nothing there has a certificate.</summary>
    public TlsContext? ForPort(HttpPort port)
    {
        foreach (HttpListener listener in port.Listeners)
        {
            if (Find(port.Number, listener, name: null) is { } context)
                return context;
        }

        return null;
    }

    /// <summary>The context a listener has for who asks for a name, given in lower case; null when it has none.</summary>
    public TlsContext? Find(ushort port, ServedListener listener, string? name) => _shown.GetValueOrDefault(KeyOf(port, listener))?.For(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ShownCertificates shown in _shown.Values)
            shown.Release([]);
        _shown.Clear();
    }

    private static Key KeyOf(ushort port, ServedListener listener) => new(port, listener.Gateway, listener.Name, listener is HttpListener);

    private bool Update(Key key, ServedListener listener)
    {
        ShownCertificates? former = _shown.GetValueOrDefault(key);
        if (former is not null && former.Of.Equals(listener.Certificates))
            return true;
        bool all = true;
        List<CertificateSet> sets = [];
        foreach (ValueArray<ListenerCertificate> certificates in CertificateSet.Group(listener.Certificates))
        {
            CertificateSet set = former?.ForNames(certificates[0].Names) ?? new CertificateSet(certificates[0].Names, NewContext(key));
            sets.Add(set);
            all &= TryShow(set, certificates, listener);
        }

        IReadOnlyList<CertificateSet> shown = former is null || sets.Exists(set => set.Context.HasCertificate) ? sets : former.Sets;
        // What cannot be used now and perhaps later is looked at again, as if it had changed.
        _shown[key] = new ShownCertificates(all ? listener.Certificates : [], shown);
        former?.Release(shown);
        return all;
    }

    private bool TryShow(CertificateSet set, ValueArray<ListenerCertificate> certificates, ServedListener listener)
    {
        try
        {
            set.Show(certificates, open);
            return true;
        }
        catch (Exception e)
        {
            LogUnusable(listener.Gateway, listener.Name, string.Join(", ", certificates), e.Message);
            // What OpenSSL has refused once it always refuses.
            return e is CryptographicException;
        }
    }

    // What is in a connection that is relayed is agreed on with whom it is relayed to.
    private TlsContext NewContext(Key key) => new(new TlsContextOptions
    {
        Verifier = Nobody,
        Alpn = key.Http ? ["h2", "http/1.1"] : [],
        AlpnOptional = true,
        AsksClientCertificate = false,
        AllowTls12 = true,
        Resumes = true,
        ByServerName = key.Http ? name => pod.Ports.Find(key.Port)?.ListenerFor(name) is { } listener ? Find(key.Port, listener, name) : null : null,
    });

    [LoggerMessage(Level = LogLevel.Error, Message = "Gateway {Gateway} listener {Listener}: {Secrets} cannot be used: {Reason}")]
    private partial void LogUnusable(GatewayName gateway, string listener, string secrets, string reason);

    private readonly record struct Key(ushort Port, GatewayName Gateway, string Listener, bool Http);

    private sealed class NoPeers : IPeerVerifier
    {
        public string? Verify(in PeerCertificate peer, object? expectation) => "no certificate was asked for";
    }
}

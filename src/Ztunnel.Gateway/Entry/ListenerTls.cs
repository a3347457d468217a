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
        foreach (HttpPort port in ports.Ports.Where(port => port.Tls))
        {
            foreach (HttpListener listener in port.Listeners.Where(listener => listener.Certificates.Count > 0))
            {
                var key = new Key(port.Number, listener.Gateway, listener.Name);
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

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ShownCertificates shown in _shown.Values)
            shown.Release([]);
        _shown.Clear();
    }

    private TlsContext? Find(ushort port, HttpListener listener, string? name) =>
        _shown.GetValueOrDefault(new Key(port, listener.Gateway, listener.Name))?.For(name);

    private bool Update(Key key, HttpListener listener)
    {
        ShownCertificates? former = _shown.GetValueOrDefault(key);
        if (former is not null && former.Of.Equals(listener.Certificates))
            return true;
        bool all = true;
        List<CertificateSet> sets = [];
        foreach (ValueArray<ListenerCertificate> certificates in CertificateSet.Group(listener.Certificates))
        {
            CertificateSet set = former?.ForNames(certificates[0].Names) ?? new CertificateSet(certificates[0].Names, NewContext(key.Port));
            sets.Add(set);
            all &= TryShow(set, certificates, listener);
        }

        IReadOnlyList<CertificateSet> shown = former is null || sets.Exists(set => set.Context.HasCertificate) ? sets : former.Sets;
        // What cannot be used now and perhaps later is looked at again, as if it had changed.
        _shown[key] = new ShownCertificates(all ? listener.Certificates : [], shown);
        former?.Release(shown);
        return all;
    }

    private bool TryShow(CertificateSet set, ValueArray<ListenerCertificate> certificates, HttpListener listener)
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

    private TlsContext NewContext(ushort port) => new(new TlsContextOptions
    {
        Verifier = Nobody,
        Alpn = ["h2", "http/1.1"],
        AlpnOptional = true,
        AsksClientCertificate = false,
        AllowTls12 = true,
        ByServerName = name => pod.Ports.Find(port)?.ListenerFor(name) is { } listener ? Find(port, listener, name) : null,
    });

    [LoggerMessage(Level = LogLevel.Error, Message = "Gateway {Gateway} listener {Listener}: {Secrets} cannot be used: {Reason}")]
    private partial void LogUnusable(GatewayName gateway, string listener, string secrets, string reason);

    private readonly record struct Key(ushort Port, GatewayName Gateway, string Listener);

    private sealed class NoPeers : IPeerVerifier
    {
        public string? Verify(in PeerCertificate peer, object? expectation) => "no certificate was asked for";
    }
}

using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// The certificates that listeners show, one TLS context for each listener, chosen by the name the client asks for. A changed
/// Secret takes effect on the next handshake; open connections stay.
/// </summary>
internal sealed partial class ListenerTls(GatewayPod pod, ILogger logger) : IDisposable
{
    private static readonly NoPeers Nobody = new();

    private readonly ConcurrentDictionary<Key, Shown> _shown = new();

    /// <summary>Takes note of the listeners there are now. Not to be called twice at a time.</summary>
    public void Update(PortTable ports)
    {
        HashSet<Key> kept = [];
        foreach (HttpPort port in ports.Ports.Where(port => port.Tls))
        {
            foreach (HttpListener listener in port.Listeners.Where(listener => listener.Certificates.Count > 0))
            {
                var key = new Key(port.Number, listener.Gateway, listener.Name);
                kept.Add(key);
                Update(_shown.GetOrAdd(key, _ => new Shown(NewContext(port.Number))), listener);
            }
        }

        foreach (Key gone in _shown.Keys.Except(kept))
        {
            if (_shown.TryRemove(gone, out Shown? former))
                former.Context.Dispose();
        }
    }

    /// <summary>A context to begin a handshake on a port with; null when nothing there has a certificate.</summary>
    public TlsContext? ForPort(HttpPort port)
    {
        foreach (HttpListener listener in port.Listeners)
        {
            if (Find(port.Number, listener) is { } context)
                return context;
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Shown shown in _shown.Values)
            shown.Context.Dispose();
        _shown.Clear();
    }

    private TlsContext NewContext(ushort port) => new(new TlsContextOptions
    {
        Verifier = Nobody,
        Alpn = ["h2", "http/1.1"],
        AlpnOptional = true,
        AsksClientCertificate = false,
        AllowTls12 = true,
        ByServerName = name => pod.Ports.Find(port)?.ListenerFor(name) is { } listener ? Find(port, listener) : null,
    });

    private TlsContext? Find(ushort port, HttpListener listener) =>
        _shown.TryGetValue(new Key(port, listener.Gateway, listener.Name), out Shown? shown) && shown.Context.HasCertificate ? shown.Context : null;

    private void Update(Shown shown, HttpListener listener)
    {
        if (shown.Certificates is { } same && same.Equals(listener.Certificates))
            return;
        List<TlsCertificate> certificates = [];
        try
        {
            foreach (ListenerCertificate certificate in listener.Certificates)
            {
                using AsymmetricAlgorithm key = certificate.OpenKey();
                certificates.Add(new TlsCertificate(certificate.Chain, key));
            }

            shown.Context.Update(certificates, []);
            shown.Certificates = listener.Certificates;
        }
        catch (CryptographicException e)
        {
            // What was shown before goes on being shown.
            LogUnusable(listener.Gateway, listener.Name, e.Message);
        }
        finally
        {
            foreach (TlsCertificate certificate in certificates)
                certificate.Dispose();
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Gateway {Gateway} listener {Listener}: the certificate cannot be used: {Reason}")]
    private partial void LogUnusable(GatewayName gateway, string listener, string reason);

    private readonly record struct Key(ushort Port, GatewayName Gateway, string Listener);

    private sealed class Shown(TlsContext context)
    {
        public TlsContext Context => context;

        public ValueArray<ListenerCertificate>? Certificates { get; set; }
    }

    private sealed class NoPeers : IPeerVerifier
    {
        public string? Verify(in PeerCertificate peer, object? expectation) => "no certificate was asked for";
    }
}

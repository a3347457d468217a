using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// The API server as a cluster has it: behind an address of the lab's network, by https. Ends TLS and carries bytes on, so that it
/// can also be away for a while.
/// </summary>
public sealed class ApiFront : IAsyncDisposable
{
    private readonly Uri _server;
    private readonly X509Certificate2 _certificate;
    private readonly Socket _listener;
    private readonly Task _accepting;
    private readonly ConcurrentDictionary<Task, byte> _open = [];
    private CancellationTokenSource _cut = new();
    private volatile bool _away;

    public ApiFront(Uri server, LabHost host)
    {
        _server = server;
        Address = new IPEndPoint(host.IPv4, 6443);
        (_certificate, RootPem) = CertificateFor(host.IPv4);
        _listener = host.NetworkNamespace.Run(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(Address);
            socket.Listen();
            return socket;
        });
        _accepting = Task.Run(Accept);
    }

    /// <summary>Where pods and nodes reach it.</summary>
    public IPEndPoint Address { get; }

    /// <summary>What its certificate is checked by.</summary>
    public string RootPem { get; }

    /// <summary>Ends every connection and refuses new ones, until the result is disposed of.</summary>
    public IDisposable GoAway()
    {
        _away = true;
        CancellationTokenSource cut = Interlocked.Exchange(ref _cut, new CancellationTokenSource());
        cut.Cancel();
        cut.Dispose();
        return new Absence(this);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        await _cut.CancelAsync();
        await Task.WhenAll(_open.Keys);
        _cut.Dispose();
        _certificate.Dispose();
    }

    private async Task Accept()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return;
            }

            if (_away)
            {
                socket.Dispose();
                continue;
            }

            Task serving = Serve(socket, _cut.Token);
            _open[serving] = 0;
            _ = serving.ContinueWith(ended => _open.TryRemove(ended, out byte _), TaskScheduler.Default);
        }
    }

    private async Task Serve(Socket socket, CancellationToken cut)
    {
        try
        {
            socket.NoDelay = true;
            await using var tls = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions { ServerCertificate = _certificate, ApplicationProtocols = [SslApplicationProtocol.Http11] }, cut);
            using var upstream = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await upstream.ConnectAsync(_server.Host, _server.Port, cut);
            await using var onward = new NetworkStream(upstream);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cut);
            Task up = tls.CopyToAsync(onward, both.Token), down = onward.CopyToAsync(tls, both.Token);
            await Task.WhenAny(up, down);
            await both.CancelAsync();
            await Task.WhenAll(up, down);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException
            or System.Security.Authentication.AuthenticationException)
        {
            // One of the two has gone.
        }
    }

    private static (X509Certificate2 Certificate, string RootPem) CertificateFor(IPAddress address)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=kubernetes", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        names.AddDnsName("kubernetes.default.svc");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using X509Certificate2 made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null), made.ExportCertificatePem());
    }

    private sealed class Absence(ApiFront front) : IDisposable
    {
        public void Dispose() => front._away = false;
    }
}

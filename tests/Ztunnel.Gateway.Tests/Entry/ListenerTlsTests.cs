using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

/// <summary>Which certificate a client is shown, in real handshakes.</summary>
[SupportedOSPlatform("linux")]
public sealed class ListenerTlsTests : IDisposable
{
    private const ushort Port = 443;

    private static readonly GatewayName Edge = new("infra", "edge");
    private static readonly Workload Pod = new()
    {
        Uid = "edge-1",
        Name = "edge-1",
        Namespace = "infra",
        ServiceAccount = "edge",
        Identity = SpiffeId.Parse("spiffe://cluster.local/ns/infra/sa/edge"),
        Addresses = [],
        Node = "a",
    };

    private readonly TextLog _log = new();
    private readonly GatewayPod _pod = new(Pod);
    private readonly ListenerTls _tls;
    private Func<ListenerCertificate, TlsCertificate> _open = ListenerTls.Open;

    public ListenerTlsTests() => _tls = new ListenerTls(_pod, certificate => _open(certificate), _log);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _tls.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_certificates_with_one_kind_of_key_each_is_shown_under_its_names(bool rsa)
    {
        Assert.True(Serve(Listener("any", null, Make("first", rsa, "a.test"), Make("second", rsa, "b.test", "also.test"), Make("wild", rsa, "*.c.test"), Make("exact", rsa, "x.c.test"))));

        Assert.Equal("first", await Shown("a.test"));
        Assert.Equal("second", await Shown("b.test"));
        Assert.Equal("second", await Shown("ALSO.test"));
        Assert.Equal("wild", await Shown("y.c.test"));
        Assert.Equal("exact", await Shown("x.c.test"));
        Assert.Equal("first", await Shown("deep.y.c.test"));
        Assert.Equal("first", await Shown("other.test"));
        Assert.Equal("first", await Shown(""));
        Assert.Equal("second", await Shown("b.test", SslProtocols.Tls12));
    }

    [Fact]
    public async Task Of_certificates_for_one_name_each_client_is_shown_one_it_can_verify()
    {
        Assert.True(Serve(Listener("any", null, Make("other", false, "b.test"), Make("rsa", true, "a.test"), Make("curve", false, "a.test"))));

        Assert.Equal("rsa", await Shown("a.test", SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256));
        Assert.Equal("curve", await Shown("a.test", SslProtocols.Tls12, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256));
    }

    [Fact]
    public async Task A_renewed_certificate_is_shown_beside_the_others()
    {
        ListenerCertificate stays = Make("stays", false, "b.test");
        Assert.True(Serve(Listener("any", null, Make("old", false, "a.test"), stays)));
        Assert.Equal("old", await Shown("a.test"));

        Assert.True(Serve(Listener("any", null, Make("new", false, "a.test"), stays)));
        Assert.Equal("new", await Shown("a.test"));
        Assert.Equal("stays", await Shown("b.test"));

        Assert.True(Serve(Listener("any", null, stays)));
        Assert.Equal("stays", await Shown("a.test"));
    }

    [Fact]
    public async Task A_certificate_that_cannot_be_used_costs_only_itself()
    {
        ListenerCertificate good = Make("good", false, "b.test");
        Assert.True(Serve(Listener("a", "a.test", Make("before", false, "a.test")), Listener("b", "b.test", Make("b", false, "b.test"))));
        ListenerCertificate odd = Make("odd", false, "a.test");
        _open = certificate => ReferenceEquals(certificate, odd) ? throw new NotSupportedException("odd") : ListenerTls.Open(certificate);

        Assert.False(Serve(Listener("a", "a.test", odd), Listener("b", "b.test", good)));
        Assert.Equal("before", await Shown("a.test"));
        Assert.Equal("good", await Shown("b.test"));
        Assert.Contains("Gateway infra/edge listener a: Secret infra/odd cannot be used: odd", _log.At(LogLevel.Error).Single(), StringComparison.Ordinal);

        _open = ListenerTls.Open;
        Assert.True(Serve(Listener("a", "a.test", odd), Listener("b", "b.test", good)));
        Assert.Equal("odd", await Shown("a.test"));
    }

    [Fact]
    public async Task What_OpenSSL_refuses_is_said_once_and_not_tried_again()
    {
        Assert.True(Serve(Listener("any", null, Make("before", false, "a.test"))));
        HttpListener weak = Listener("any", null, Make("weak", true, "b.test", bits: 512));
        Assert.True(Serve(weak));
        Assert.True(Serve(weak));

        Assert.Equal("before", await Shown("b.test"));
        Assert.Contains("Secret infra/weak cannot be used", _log.At(LogLevel.Error).Single(), StringComparison.Ordinal);
    }

    private static HttpListener Listener(string name, string? hostname, params ListenerCertificate[] certificates) => new()
    {
        Gateway = Edge,
        Name = name,
        Port = Port,
        Tls = true,
        Hostname = HostnamePattern.Of(hostname),
        Certificates = [.. certificates],
    };

    private static ListenerCertificate Make(string secret, bool rsa, params string[] names) => Make(secret, rsa, names, 2048);

    private static ListenerCertificate Make(string secret, bool rsa, string name, int bits) => Make(secret, rsa, [name], bits);

    private static ListenerCertificate Make(string secret, bool rsa, string[] names, int bits)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(bits) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsaKey
            ? new CertificateRequest($"CN={secret}", rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={secret}", (ECDsa)key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (string name in names)
            alternatives.AddDnsName(name);
        request.CertificateExtensions.Add(alternatives.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        return ListenerCertificate.FromPem($"infra/{secret}", certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    private bool Serve(params HttpListener[] listeners)
    {
        _pod.Ports = new PortTable(HttpPort.Of([new HttpGateway { Name = Edge, Listeners = [.. listeners] }]), port => [port]);
        return _tls.Update(_pod.Ports);
    }

    /// <summary>The common name of what a client is shown that asks for a name; empty for one that asks for none.</summary>
    private async Task<string> Shown(string name, SslProtocols version = SslProtocols.Tls13, params TlsCipherSuite[] ciphers)
    {
        using Peer peer = await Peer.Connect();
        Task serving = peer.Loop.RunAsync(async () =>
            await TlsConnection.AcceptAsync(peer.Channel, _tls.ForPort(_pod.Ports.Find(Port)!)!, TimeSpan.FromSeconds(20), Stop));
        await using var client = new SslStream(new NetworkStream(peer.Socket), leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
        await client.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = name,
                EnabledSslProtocols = version,
                CipherSuitesPolicy = ciphers.Length == 0 ? null : new CipherSuitesPolicy(ciphers),
            },
            Stop);
        await serving;
        using var shown = new X509Certificate2(client.RemoteCertificate!);
        return shown.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
    }
}

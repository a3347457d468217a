using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

public sealed class TlsHandshakeTests : IDisposable
{
    private readonly TlsAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task Both_sides_learn_each_others_certificate_and_speak_h2_over_AES_128_GCM()
    {
        using TlsContext client = _authority.Context("client");
        using TlsContext server = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, client, server);

            Assert.Equal("server", TlsPair.CommonName(near.PeerCertificateDer));
            Assert.Equal("client", TlsPair.CommonName(far.PeerCertificateDer));
            Assert.Equal("h2", near.NegotiatedAlpn);
            Assert.Equal("h2", far.NegotiatedAlpn);
            Assert.Equal("TLS_AES_128_GCM_SHA256", near.CipherSuite);
            Assert.Equal("TLS_AES_128_GCM_SHA256", far.CipherSuite);
            await TlsPair.Close(near, far);
        });
    }

    [Theory]
    [InlineData("TLS_AES_128_GCM_SHA256")]
    [InlineData("TLS_AES_256_GCM_SHA384")]
    [InlineData("TLS_CHACHA20_POLY1305_SHA256")]
    public async Task The_servers_first_suite_is_used_whatever_the_client_prefers(string suite)
    {
        using TlsContext client = _authority.Context("client");
        using TlsContext server = new(new TlsContextOptions
        {
            Verifier = new TlsRule(),
            CipherSuites = [suite, .. new TlsContextOptions { Verifier = new TlsRule() }.CipherSuites.Where(other => other != suite)],
        });
        _authority.Update(server, "server");
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, client, server);
            Assert.Equal(suite, near.CipherSuite);
            byte[] sent = TlsPair.RandomBytes(100_000);
            await far.WriteAsync(sent);
            await near.WriteAsync(sent);
            far.ShutdownWrite();
            near.ShutdownWrite();
            Assert.Equal(sent, (await Loops.ReadAll(near)).Bytes);
            Assert.Equal(sent, (await Loops.ReadAll(far)).Bytes);
            near.Dispose();
            far.Dispose();
        });
    }

    [Fact]
    public async Task A_server_of_another_authority_is_refused_and_told_unknown_ca()
    {
        using TlsAuthority stranger = new("stranger");
        TlsRule rule = new();
        using TlsContext client = _authority.Context("client", rule);
        using TlsContext server = stranger.Context("server", trusted: _authority);
        await Loops.OnLoop(async loop =>
        {
            (ChannelFailure atClient, ChannelFailure atServer) = await BothRefused(loop, client, server);

            Assert.Equal(FailureKind.PeerRefused, atClient.Kind);
            Assert.Contains("unable to get local issuer certificate", atClient.Detail, StringComparison.Ordinal);
            Assert.False(rule.LastSeen.ChainVerified);
            Assert.Equal(new ChannelFailure(FailureKind.Tls, "the peer sent TLS alert unknown_ca (48)"), atServer);
        });
    }

    [Fact]
    public async Task A_client_of_another_authority_is_refused_and_reads_unknown_ca()
    {
        using TlsAuthority stranger = new("stranger");
        using TlsContext client = stranger.Context("client", trusted: _authority);
        using TlsContext server = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            (ChannelFailure atClient, ChannelFailure atServer) = await ClientRefused(loop, client, server);

            Assert.Equal(FailureKind.PeerRefused, atServer.Kind);
            Assert.Equal(new ChannelFailure(FailureKind.Tls, "the peer sent TLS alert unknown_ca (48)"), atClient);
        });
    }

    [Fact]
    public async Task An_expired_certificate_is_refused_by_name()
    {
        TlsRule rule = new();
        using TlsContext client = _authority.Context("client", lifetime: TimeSpan.FromMinutes(59));
        using TlsContext server = _authority.Context("server", rule);
        await Loops.OnLoop(async loop =>
        {
            (ChannelFailure atClient, ChannelFailure atServer) = await ClientRefused(loop, client, server);

            Assert.Equal(new ChannelFailure(FailureKind.PeerRefused, "certificate has expired"), atServer);
            Assert.Equal(10, rule.LastSeen.ChainErrorCode);
            Assert.Equal("the peer sent TLS alert certificate_expired (45)", atClient.Detail);
        });
    }

    [Fact]
    public async Task A_refusal_by_our_rule_carries_its_reason_here_and_an_alert_there()
    {
        TlsRule rule = new((_, expectation) => $"not {expectation}");
        using TlsContext client = _authority.Context("client", rule);
        using TlsContext server = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            (ChannelFailure atClient, ChannelFailure atServer) = await BothRefused(loop, client, server, "somebody");

            Assert.Equal(new ChannelFailure(FailureKind.PeerRefused, "not somebody"), atClient);
            Assert.True(rule.LastSeen.ChainVerified);
            Assert.Equal(FailureKind.Tls, atServer.Kind);
            Assert.Equal("the peer sent TLS alert bad_certificate (42)", atServer.Detail);
        });
    }

    [Fact]
    public async Task A_rule_that_accepts_a_bad_chain_does_not_get_its_way()
    {
        using TlsAuthority stranger = new("stranger");
        using TlsContext client = _authority.Context("client", new TlsRule((_, _) => null));
        using TlsContext server = stranger.Context("server", trusted: _authority);
        await Loops.OnLoop(async loop =>
            Assert.Equal(FailureKind.PeerRefused, (await BothRefused(loop, client, server)).AtClient.Kind));
    }

    [Fact]
    public async Task A_rule_that_throws_refuses()
    {
        using TlsContext client = _authority.Context("client");
        using TlsContext server = _authority.Context("server", new TlsRule((_, _) => throw new InvalidDataException("oops")));
        await Loops.OnLoop(async loop =>
        {
            (_, ChannelFailure atServer) = await ClientRefused(loop, client, server);
            Assert.Equal(FailureKind.PeerRefused, atServer.Kind);
            Assert.Contains("InvalidDataException: oops", atServer.Detail, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_client_without_a_certificate_is_refused_and_told_certificate_required()
    {
        using TlsContext server = _authority.Context("server");
        using ForeignClient client = new(server);
        Exception seen = await client.Handshake(new SslClientAuthenticationOptions
        {
            ApplicationProtocols = [SslApplicationProtocol.Http2],
        });

        Assert.Equal(new ChannelFailure(FailureKind.PeerRefused, "the peer presented no certificate"), await client.AtServer);
        Assert.Contains("certificate required", seen.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("http/1.1")]
    [InlineData(null)]
    public async Task A_client_that_does_not_speak_h2_is_refused(string? alpn)
    {
        using TlsContext server = _authority.Context("server");
        using ForeignClient client = new(server);
        (X509Certificate2 certificate, ECDsa key) = _authority.Issue("client");
        Exception seen = await client.Handshake(new SslClientAuthenticationOptions
        {
            ApplicationProtocols = alpn is null ? null : [new SslApplicationProtocol(alpn)],
            ClientCertificates = [certificate.CopyWithPrivateKey(key)],
        });

        Assert.Equal(new ChannelFailure(FailureKind.Tls, "the peer does not speak h2 (ALPN)"), await client.AtServer);
        Assert.Contains("no application protocol", seen.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_client_that_knows_only_TLS_1_2_is_refused()
    {
        using TlsContext server = _authority.Context("server");
        using ForeignClient client = new(server);
        await client.Handshake(new SslClientAuthenticationOptions { EnabledSslProtocols = Tls12 });

        Assert.Equal(new ChannelFailure(FailureKind.Tls, "the TLS handshake failed: unsupported protocol"), await client.AtServer);
    }

    [Fact]
    public async Task A_client_fails_when_the_server_does_not_answer_with_h2()
    {
        using TlsContext client = _authority.Context("client");
        using TlsContext server = _authority.Context("server", alpn: []);
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
            ChannelFailure atClient = await TlsPair.Refused(TlsConnection.ConnectAsync(near, client, null, TlsPair.Timeout).AsTask());

            Assert.Equal(new ChannelFailure(FailureKind.Tls, "the peer does not speak h2 (ALPN)"), atClient);
            using TlsConnection refused = await accepting;
            await refused.WaitForReadAsync();
            Assert.Equal(ReadStatus.End, refused.TryRead(out _));
        });
    }

    [Fact]
    public async Task A_new_certificate_serves_new_handshakes_while_open_connections_go_on()
    {
        using TlsAuthority successor = new("successor");
        using TlsContext client = _authority.Context("client");
        using TlsContext server = _authority.Context("first");
        await Loops.OnLoop(async loop =>
        {
            (TlsConnection oldNear, TlsConnection oldFar) = await TlsPair.Connect(loop, client, server);
            successor.Update(server, "second");
            successor.Update(client, "client two");
            (TlsConnection newNear, TlsConnection newFar) = await TlsPair.Connect(loop, client, server);

            Assert.Equal("first", TlsPair.CommonName(oldNear.PeerCertificateDer));
            Assert.Equal("second", TlsPair.CommonName(newNear.PeerCertificateDer));
            Assert.Equal("client two", TlsPair.CommonName(newFar.PeerCertificateDer));
            await oldNear.WriteAsync("still here"u8.ToArray());
            byte[] buffer = new byte[32];
            Assert.Equal("still here"u8.ToArray(), buffer[..await oldFar.ReadAsync(buffer)]);
            await TlsPair.Close(oldNear, oldFar);
            await TlsPair.Close(newNear, newFar);
        });
    }

    [Fact]
    public async Task A_handshake_begun_before_a_swap_ends_with_the_certificate_it_began_with()
    {
        using TlsContext client = _authority.Context("client");
        using TlsContext server = _authority.Context("first");
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
            _authority.Update(server, "second");
            server.Dispose();
            TlsConnection connected = await TlsConnection.ConnectAsync(near, client, null, TlsPair.Timeout);

            Assert.Equal("first", TlsPair.CommonName(connected.PeerCertificateDer));
            await TlsPair.Close(connected, await accepting);
        });
    }

    [Fact]
    public async Task A_context_without_a_certificate_refuses_and_closes_the_transport()
    {
        using TlsContext empty = new(new TlsContextOptions { Verifier = new TlsRule() });
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            ChannelFailure failure = await TlsPair.Refused(TlsConnection.ConnectAsync(near, empty, null, TlsPair.Timeout).AsTask());

            Assert.Equal(new ChannelFailure(FailureKind.Local, "this identity has no certificate"), failure);
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(far)).End);
            far.Dispose();
            Assert.Equal(0, loop.Load);
        });
    }

    [Fact]
    public async Task A_silent_peer_is_given_up_when_the_time_is_over()
    {
        using TlsContext server = _authority.Context("server");
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TimeSpan.FromSeconds(5)).AsTask();
            time.Advance(TimeSpan.FromSeconds(4.9));
            await loop.YieldAsync();
            Assert.False(accepting.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(0.2));

            Assert.Equal(FailureKind.TimedOut, (await TlsPair.Refused(accepting)).Kind);
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(near)).End);
        }).WaitAsync(Loops.Patience);
    }

    [Fact]
    public async Task A_cancelled_handshake_closes_its_transport()
    {
        using TlsContext server = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            using CancellationTokenSource cancel = new();
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout, cancel.Token).AsTask();
            await cancel.CancelAsync();

            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => accepting);
            Assert.Equal(ReadStatus.Failed, (await Loops.ReadAll(near)).End);
            near.Dispose();
            Assert.Equal(0, loop.Load);
        });
    }

    [Fact]
    public async Task A_peer_that_hangs_up_or_talks_nonsense_during_the_handshake_is_named()
    {
        using TlsContext server = _authority.Context("server");
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
            near.ShutdownWrite();
            Assert.Equal(FailureKind.Truncated, (await TlsPair.Refused(accepting)).Kind);
            near.Dispose();

            (near, far) = await Loops.ConnectedPair(loop);
            accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
            await near.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray());
            Assert.Equal(new ChannelFailure(FailureKind.Tls, "the TLS handshake failed: http request"), await TlsPair.Refused(accepting));
            near.Dispose();
        });
    }

    [Fact]
    public void A_key_that_is_not_the_certificates_is_refused_at_once()
    {
        (X509Certificate2 certificate, ECDsa key) = _authority.Issue("one");
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains(
            "not that of the leaf", Assert.Throws<CryptographicException>(() => new TlsCertificate([certificate.RawData], other)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "leaf certificate", Assert.Throws<CryptographicException>(() => new TlsCertificate([new byte[] { 1, 2, 3 }], key)).Message,
            StringComparison.Ordinal);
        using TlsCertificate good = new([certificate.RawData], key);
        using TlsContext context = new(new TlsContextOptions { Verifier = new TlsRule() });
        Assert.Contains(
            "trust root 1", Assert.Throws<CryptographicException>(() => context.Update(good, [_authority.RootDer, new byte[5]])).Message,
            StringComparison.Ordinal);
        Assert.False(context.HasCertificate);
    }

    [Fact]
    public async Task A_chain_with_an_intermediate_is_presented_and_an_intermediate_may_be_the_trust_root()
    {
        using TlsAuthority middle = new("middle", _authority);
        using TlsContext server = new(new TlsContextOptions { Verifier = new TlsRule() });
        (X509Certificate2 leaf, ECDsa leafKey) = middle.Issue("server");
        using (TlsCertificate chain = new([leaf.RawData, middle.RootDer], leafKey))
            server.Update(chain, [_authority.RootDer]);
        using TlsContext byRoot = _authority.Context("client");
        using TlsContext byMiddle = new(new TlsContextOptions { Verifier = new TlsRule() });
        (X509Certificate2 certificate, ECDsa key) = _authority.Issue("client");
        using (TlsCertificate ours = new([certificate.RawData], key))
            byMiddle.Update(ours, [middle.RootDer]);
        await Loops.OnLoop(async loop =>
        {
            foreach (TlsContext client in new[] { byRoot, byMiddle })
            {
                (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, client, server);
                await TlsPair.Close(near, far);
            }
        });
    }

#pragma warning disable CA5398, CA5397, SYSLIB0039 // The test is about an old version.
    private const SslProtocols Tls12 = SslProtocols.Tls12;
#pragma warning restore CA5398, CA5397, SYSLIB0039

    private static async Task<(ChannelFailure AtClient, ChannelFailure AtServer)> BothRefused(
        EventLoop loop, TlsContext client, TlsContext server, object? expectation = null)
    {
        (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
        Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
        Task<TlsConnection> connecting = TlsConnection.ConnectAsync(near, client, expectation, TlsPair.Timeout).AsTask();
        (ChannelFailure, ChannelFailure) seen = (await TlsPair.Refused(connecting), await TlsPair.Refused(accepting));
        await Loops.Until(loop, () => loop.Load == 0);
        return seen;
    }

    private static async Task<(ChannelFailure AtClient, ChannelFailure AtServer)> ClientRefused(
        EventLoop loop, TlsContext client, TlsContext server)
    {
        (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
        Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, TlsPair.Timeout).AsTask();
        TlsConnection connected = await TlsConnection.ConnectAsync(near, client, null, TlsPair.Timeout);
        // The client believes it is connected and talks; that must not cost it the alert.
        await connected.WriteAsync(new byte[100_000]);
        (ChannelFailure, ChannelFailure) seen = (await TlsPair.RefusedLate(connected), await TlsPair.Refused(accepting));
        await Loops.Until(loop, () => loop.Load == 0);
        return seen;
    }

    /// <summary>A client on the framework's own TLS and a server of ours.</summary>
    private sealed class ForeignClient : IDisposable
    {
        private readonly EventLoop _loop = EventLoop.Start(0);
        private readonly TcpListener _listener = TcpListener.Listen(
            null, new(System.Net.IPAddress.Loopback, 0), new TcpListenOptions());

        private readonly TaskCompletionSource<ChannelFailure> _atServer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ForeignClient(TlsContext server) =>
            _listener.Start(_loop, [_loop], connection => _ = ServeAsync(connection, server));

        public Task<ChannelFailure> AtServer => _atServer.Task.WaitAsync(Loops.Patience);

        public async Task<Exception> Handshake(SslClientAuthenticationOptions options)
        {
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(_listener.LocalEndPoint);
            await using NetworkStream stream = new(socket);
            options.TargetHost = "server";
            options.RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate is not null;
            await using SslStream tls = new(stream);
            return await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                await tls.AuthenticateAsClientAsync(options);
                await tls.ReadExactlyAsync(new byte[1]);
            }).WaitAsync(Loops.Patience);
        }

        private async Task ServeAsync(TcpConnection connection, TlsContext server)
        {
            try
            {
                (await TlsConnection.AcceptAsync(connection, server, TlsPair.Timeout)).Dispose();
                _atServer.SetException(new InvalidOperationException("accepted"));
            }
            catch (ChannelException exception)
            {
                _atServer.SetResult(exception.Failure);
            }
        }

        public void Dispose()
        {
            _listener.Dispose();
            _loop.Dispose();
        }
    }
}

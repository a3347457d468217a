using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

/// <summary>The store's contexts and the mesh's rule in real TLS handshakes.</summary>
public sealed class HandshakeTests : IAsyncDisposable
{
    private static readonly SpiffeId Web = StoreFixture.Web;
    private static readonly SpiffeId Curl = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/curl");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly MeshPeerVerifier _verifier = new(["cluster.local"]);
    private readonly BuiltInCertificateAuthority _authority = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
    private readonly CertificateStore _store;

    public HandshakeTests() => _store = NewStore(_authority);

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        _authority.Dispose();
    }

    [Fact]
    public Task Two_workloads_of_one_authority_know_each_other() => OnLoop(async loop =>
    {
        TlsContext web = await Enrol(_store, Web);
        TlsContext curl = await Enrol(_store, Curl);

        (TlsConnection client, TlsConnection server) = await Handshake(loop, curl, web, new[] { Web });

        Assert.Equal(Web, _verifier.IdentityOf(client.PeerCertificateDer));
        Assert.Equal(Curl, _verifier.IdentityOf(server.PeerCertificateDer));
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    public Task A_server_with_another_identity_than_expected_is_refused_and_both_are_named() => OnLoop(async loop =>
    {
        TlsContext web = await Enrol(_store, Web);
        TlsContext curl = await Enrol(_store, Curl);

        ChannelFailure failure = await RefusedServer(loop, curl, web, new[] { StoreFixture.Id(1) });

        Assert.Equal(FailureKind.PeerRefused, failure.Kind);
        Assert.Contains($"UnexpectedIdentity: expected {StoreFixture.Id(1)}, presented {Web}", failure.Detail, StringComparison.Ordinal);
    });

    [Fact]
    public Task A_client_of_another_authority_is_refused_until_its_root_is_in_the_bundle() => OnLoop(async loop =>
    {
        using var strange = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        await using CertificateStore strangers = NewStore(strange);
        TlsContext web = await Enrol(_store, Web);
        TlsContext curl = await Enrol(strangers, Curl);
        TrustRoots both = TrustRoots.FromDer(
            [_authority.Trust.Current.Certificates[0].Der, strange.Trust.Current.Certificates[0].Der]);
        strange.Trust.Replace(both);

        ChannelFailure failure = await RefusedClient(loop, curl, web);
        Assert.Equal(FailureKind.PeerRefused, failure.Kind);
        Assert.Contains("UntrustedChain: ", failure.Detail, StringComparison.Ordinal);
        Assert.Contains($"presented {Curl}", failure.Detail, StringComparison.Ordinal);

        _authority.Trust.Replace(both);
        (TlsConnection client, TlsConnection server) = await Handshake(loop, curl, web, Web);
        client.Dispose();
        server.Dispose();
    });

    [Fact]
    public Task A_renewed_certificate_is_the_one_presented() => OnLoop(async loop =>
    {
        // OpenSSL looks at its own clock, by which everything signed here is valid; the store's is ours to move.
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        using var authority = BuiltInCertificateAuthority.CreateInMemory(
            "cluster.local", new CertificateAuthorityOptions { LeafLifetime = StoreFixture.Lifetime });
        await using CertificateStore store = NewStore(authority, time);
        TlsContext web = await Enrol(store, Web);
        TlsContext curl = await Enrol(store, Curl);
        HashSet<string> first = Serials();

        while (first.Overlaps(Serials()))
        {
            await Eventually.Holds(() => time.ArmedTimers == 2 && store.Snapshot().All(status => status.NextAttempt is not null));
            time.Advance(TimeSpan.FromMinutes(1));
        }

        (TlsConnection client, TlsConnection server) = await Handshake(loop, curl, web, Web);

        Assert.Contains(ParsedCertificate.Read(client.PeerCertificateDer).SerialNumber, Serials());
        Assert.Contains(ParsedCertificate.Read(server.PeerCertificateDer).SerialNumber, Serials());
        client.Dispose();
        server.Dispose();

        HashSet<string> Serials() => [.. store.Snapshot().Select(status => status.Chain[0].SerialNumber)];
    });

    public static TheoryData<string, PeerRefusal> BadCertificates() => new()
    {
        { "no name", PeerRefusal.NoSpiffeId },
        { "DNS name only", PeerRefusal.NoSpiffeId },
        { "two URIs", PeerRefusal.ManySpiffeIds },
        { "malformed", PeerRefusal.MalformedSpiffeId },
        { "other trust domain", PeerRefusal.ForeignTrustDomain },
        { "unexpected", PeerRefusal.UnexpectedIdentity },
        { "expired", PeerRefusal.Expired },
        { "not yet valid", PeerRefusal.NotYetValid },
        { "self-signed", PeerRefusal.UntrustedChain },
        { "signed by a non-CA", PeerRefusal.UntrustedChain },
        { "signed by a stranger", PeerRefusal.UntrustedChain },
        { "a CA's own", PeerRefusal.SigningCertificate },
    };

    [Theory]
    [MemberData(nameof(BadCertificates))]
    public Task A_bad_certificate_is_refused_on_the_wire_with_its_reason(string which, PeerRefusal expected) => OnLoop(async loop =>
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using Forge root = Forge.Root(now);
        using Forge above = which == "signed by a non-CA" ? root.Intermediate(now, ca: false) : root.Intermediate(now);
        using Forge stranger = Forge.Root(now);
        using Forge bad = which switch
        {
            "no name" => above.Leaf(now, names: null),
            "DNS name only" => above.Leaf(now, Forge.DnsName("web.demo.svc")),
            "two URIs" => above.Leaf(now, Web.ToString(), Curl.ToString()),
            "malformed" => above.Leaf(now, "spiffe://cluster.local/web"),
            "other trust domain" => above.Leaf(now, "spiffe://other.domain/ns/demo/sa/web"),
            "unexpected" => above.Leaf(now, StoreFixture.Id(1).ToString()),
            "expired" => above.Leaf(now, Forge.Names(Web.ToString()), TimeSpan.FromMinutes(-1)),
            "not yet valid" => above.Leaf(now + TimeSpan.FromHours(1), Web.ToString()),
            "self-signed" => Forge.SelfSignedLeaf(now, Web.ToString()),
            "signed by a stranger" => stranger.Leaf(now, Web.ToString()),
            "a CA's own" => above.Leaf(now, Forge.Names(Web.ToString()), ca: true),
            _ => above.Leaf(now, Web.ToString()),
        };
        using Forge good = (which == "signed by a non-CA" ? root : above).Leaf(now, Curl.ToString());
        using TlsContext trusting = Context(new Trusting(), bad, above, root);
        using TlsContext curl = Context(_verifier, good, above, root);

        ChannelFailure server = await RefusedServer(loop, curl, trusting, Web);

        Assert.Equal(FailureKind.PeerRefused, server.Kind);
        Assert.Contains($"{expected}: ", server.Detail, StringComparison.Ordinal);
        if (expected != PeerRefusal.UnexpectedIdentity)
        {
            ChannelFailure client = await RefusedClient(loop, trusting, curl);
            Assert.Equal(FailureKind.PeerRefused, client.Kind);
            Assert.Contains($"{expected}: ", client.Detail, StringComparison.Ordinal);
        }
    });

    private static async Task OnLoop(Func<EventLoop, Task> work)
    {
        using EventLoop loop = EventLoop.Start(0);
        await loop.RunAsync(() => work(loop)).WaitAsync(Patience);
    }

    private static async Task<TlsContext> Enrol(CertificateStore store, SpiffeId identity)
    {
        store.Request(identity);
        return await store.GetTlsContext(identity, default);
    }

    private static TlsContext Context(IPeerVerifier verifier, Forge leaf, Forge above, Forge root)
    {
        var context = new TlsContext(new TlsContextOptions { Verifier = verifier });
        using var certificate = new TlsCertificate([leaf.Der, above.Der], leaf.Key);
        context.Update(certificate, [root.Der]);
        return context;
    }

    private static async Task<(TlsConnection Client, TlsConnection Server)> Handshake(
        EventLoop loop, TlsContext client, TlsContext server, object? expectation)
    {
        (Task<TlsConnection> connecting, Task<TlsConnection> accepting) = Begin(loop, client, server, expectation);
        return (await connecting, await accepting);
    }

    private static async Task<ChannelFailure> RefusedServer(EventLoop loop, TlsContext client, TlsContext server, object? expectation)
    {
        (Task<TlsConnection> connecting, Task<TlsConnection> accepting) = Begin(loop, client, server, expectation);
        ChannelException refused = await Assert.ThrowsAsync<ChannelException>(() => connecting);
        await Forget(accepting);
        return refused.Failure;
    }

    private static async Task<ChannelFailure> RefusedClient(EventLoop loop, TlsContext client, TlsContext server)
    {
        (Task<TlsConnection> connecting, Task<TlsConnection> accepting) = Begin(loop, client, server, null);
        ChannelException refused = await Assert.ThrowsAsync<ChannelException>(() => accepting);
        await Forget(connecting);
        return refused.Failure;
    }

    // The other side of a refusal may or may not have got as far as a connection.
    private static async Task Forget(Task<TlsConnection> handshake)
    {
        try
        {
            (await handshake).Dispose();
        }
        catch (ChannelException)
        {
            // It was told.
        }
    }

    private static (Task<TlsConnection> Connecting, Task<TlsConnection> Accepting) Begin(
        EventLoop loop, TlsContext client, TlsContext server, object? expectation)
    {
        (MemoryChannel near, MemoryChannel far) = MemoryChannel.Pair(loop);
        Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, server, Patience).AsTask();
        return (TlsConnection.ConnectAsync(near, client, expectation, Patience).AsTask(), accepting);
    }

    private CertificateStore NewStore(ICertificateAuthority authority, TimeProvider? time = null) =>
        new(authority, _verifier, time: time);

    private sealed class Trusting : IPeerVerifier
    {
        public string? Verify(in PeerCertificate peer, object? expectation) => null;
    }
}

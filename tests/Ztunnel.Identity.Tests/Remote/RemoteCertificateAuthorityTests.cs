using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

public sealed class RemoteCertificateAuthorityTests
{
    private static readonly SpiffeId Web = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/web");

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_certificate_is_asked_for_as_Istio_s_clients_do_and_taken_without_the_root()
    {
        await using var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client(o => o with { ClusterId = "west", Lifetime = TimeSpan.FromHours(3) });

        IssuedCertificate issued = await Ask(authority);

        var leaf = ParsedCertificate.Read(Assert.Single(issued.Chain));
        Assert.Equal(Web.ToString(), Assert.Single(leaf.Uris));
        JsonNode call = server.Calls.Single();
        Assert.Equal("/istio.v1.auth.IstioCertificateService/CreateCertificate", call["path"]!.GetValue<string>());
        Assert.Equal("Bearer " + ForeignAuthority.Token, call["authorization"]!.GetValue<string>());
        Assert.Equal("west", call["cluster"]!.GetValue<string>());
        Assert.Equal("10000m", call["timeout"]!.GetValue<string>());
        Assert.Equal("trailers", call["te"]!.GetValue<string>());
        Assert.Equal("application/grpc", call["type"]!.GetValue<string>());
        Assert.Equal(3 * 3600, call["validity"]!.GetValue<int>());
        Assert.Equal(Web.ToString(), call["impersonated"]!.GetValue<string>());
        Assert.Null(authority.Status.Fault);
    }

    [Fact]
    public async Task Who_asks_for_itself_impersonates_nobody()
    {
        await using var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client(o => o with { Impersonate = false });

        await Ask(authority);

        Assert.Null(server.Calls.Single()["impersonated"]);
    }

    [Fact]
    public async Task The_token_is_read_anew_for_every_call()
    {
        await using var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client();
        await Ask(authority);
        server.Folder.Write("token", "later");

        await Ask(authority);
        File.Delete(server.Folder["token"]);

        Assert.Equal("Bearer later", server.Calls.Last()["authorization"]!.GetValue<string>());
        Assert.Equal(IssuanceFailure.TokenUnreadable, await Refused(authority));
        server.Folder.Write("token", "two\nlines");
        Assert.Equal(IssuanceFailure.TokenUnreadable, await Refused(authority));
    }

    [Theory]
    [InlineData("trailers-only 16 who are you", IssuanceFailure.Unauthenticated, "who are you")]
    [InlineData("trailers 7 no pod of sa%C3%A4 here%0a100%25", IssuanceFailure.PermissionDenied, "no pod of saä here 100%")]
    [InlineData("trailers-only 3 bad", IssuanceFailure.MalformedRequest, "bad")]
    [InlineData("trailers-only 14 later", IssuanceFailure.Unavailable, "later")]
    [InlineData("trailers-only 8 too fast", IssuanceFailure.Unavailable, "ResourceExhausted: too fast")]
    [InlineData("trailers-only 99 odd", IssuanceFailure.Unavailable, "Unknown")]
    [InlineData("trailers-only x odd", IssuanceFailure.Unavailable, "not a number")]
    [InlineData("http 503", IssuanceFailure.Unavailable, "HTTP 503")]
    [InlineData("http 403", IssuanceFailure.PermissionDenied, "HTTP 403")]
    [InlineData("html", IssuanceFailure.Unavailable, "content type")]
    [InlineData("no-status", IssuanceFailure.Unavailable, "without a status")]
    [InlineData("compressed", IssuanceFailure.Unavailable, "compressed")]
    [InlineData("huge", IssuanceFailure.Unavailable, "67108864")]
    [InlineData("cut", IssuanceFailure.Unavailable, "cut off")]
    [InlineData("reset", IssuanceFailure.Unavailable, "")]
    [InlineData("empty", IssuanceFailure.BadAnswer, "no PEM")]
    [InlineData("garbage", IssuanceFailure.BadAnswer, "no PEM")]
    public async Task What_goes_wrong_has_a_name_and_the_server_s_words(string behaviour, IssuanceFailure reason, string text)
    {
        await using var server = ForeignAuthority.Start();
        server.Answer(behaviour);
        using RemoteCertificateAuthority authority = server.Client();

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority));

        Assert.Equal(reason, e.Reason);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
        Assert.Equal(e.Message, authority.Status.Fault);
        server.Answer("sign");
        await Ask(authority);
        Assert.Null(authority.Status.Fault);
    }

    [Fact]
    public async Task An_authority_that_says_nothing_has_timed_out()
    {
        await using var server = ForeignAuthority.Start();
        server.Answer("silence");
        using RemoteCertificateAuthority authority = server.Client(o => o with { Timeout = TimeSpan.FromMilliseconds(300) });

        Assert.Equal(IssuanceFailure.TimedOut, await Refused(authority));
    }

    [Fact]
    public async Task An_authority_that_is_not_there_is_unavailable()
    {
        var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client();
        await server.DisposeAsync();
        using var folder = new TemporaryFolder();

        // The token went with the folder.
        Assert.Equal(IssuanceFailure.TokenUnreadable, await Refused(authority));
        Directory.CreateDirectory(server.Folder.Path);
        server.Folder.Write("token", "t");
        Assert.Equal(IssuanceFailure.Unavailable, await Refused(authority));
        server.Folder.Dispose();
    }

    [Theory]
    [InlineData("name", "not for ztunnel-controller.istio-system.svc")]
    [InlineData("root", "does not lead to a root of the mesh")]
    [InlineData("leaf as root", "does not lead to a root of the mesh")]
    public async Task Who_is_not_the_authority_does_not_get_the_token(string fault, string text)
    {
        await using var server = ForeignAuthority.Start();
        using Forge other = Forge.Root(TimeProvider.System.GetUtcNow(), "root");
        using Forge leaf = server.Root.Leaf(TimeProvider.System.GetUtcNow(), Web.ToString());
        server.ServeAs(fault switch { "root" => other, "leaf as root" => leaf, _ => server.Root }, fault == "name" ? "other.svc" : ForeignAuthority.Name);
        using RemoteCertificateAuthority authority = server.Client();

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority));

        Assert.Equal(IssuanceFailure.UntrustedAuthority, e.Reason);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
        Assert.Empty(server.Calls);
    }

    [Fact]
    public void A_token_is_not_sent_in_the_clear() =>
        Assert.Throws<ArgumentException>(() => RemoteCertificateAuthority.Open(new RemoteAuthorityOptions { Address = new Uri("http://ca:15012") }));

    [Theory]
    [InlineData("another identity", "not for spiffe://cluster.local/ns/demo/sa/web")]
    [InlineData("another key", "another key")]
    [InlineData("expired", "expired")]
    [InlineData("an authority", "an authority's")]
    [InlineData("two names", "exactly one URI")]
    public async Task An_answer_that_was_not_asked_for_is_refused(string answer, string text)
    {
        await using var server = ForeignAuthority.Start();
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string[] names = answer switch { "another identity" => ["spiffe://cluster.local/ns/demo/sa/db"], "two names" => [Web.ToString(), "spiffe://x"], _ => [Web.ToString()] };
        using Forge leaf = server.Root.Leaf(now, Forge.Names(names), answer == "expired" ? TimeSpan.FromMinutes(-1) : null, ca: answer == "an authority");
        server.Folder.Write("fixed.pem", leaf.Pem);
        server.Answer("fixed");
        using RemoteCertificateAuthority authority = server.Client();
        ECDsa asking = answer == "another key" ? key : (ECDsa)leaf.Key;

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => authority.Issue(Web, SigningRequest.Create(Web, asking), Stop));

        Assert.Equal(IssuanceFailure.BadAnswer, e.Reason);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chain_over_intermediates_is_presented_up_to_the_root()
    {
        await using var server = ForeignAuthority.Start();
        using Forge intermediate = server.Root.Intermediate(TimeProvider.System.GetUtcNow());
        server.Folder.Write("ca.pem", intermediate.Pem);
        server.Folder.Write("ca.key", intermediate.KeyPem);
        using RemoteCertificateAuthority authority = server.Client();

        // Without the intermediate nobody can tell who signed it.
        Assert.Equal(IssuanceFailure.BadAnswer, await Refused(authority));
        server.Folder.Write("chain.pem", intermediate.Pem);
        IssuedCertificate issued = await Ask(authority);

        Assert.Equal(2, issued.Chain.Length);
        Assert.Equal(intermediate.Der, issued.Chain[1].ToArray());
    }

    [Fact]
    public async Task A_root_that_only_answers_bring_is_not_believed_where_there_is_a_file()
    {
        await using var server = ForeignAuthority.Start();
        using Forge other = Forge.Root(TimeProvider.System.GetUtcNow(), "other");
        server.Folder.Write("ca.pem", other.Pem);
        server.Folder.Write("ca.key", other.KeyPem);
        server.Folder.Write("roots.pem", server.Root.Pem + other.Pem);
        using RemoteCertificateAuthority authority = server.Client();

        Assert.Equal(IssuanceFailure.BadAnswer, await Refused(authority));
        Assert.Single(authority.Trust.Current.Certificates);

        server.Folder.Write("trusted.pem", server.Root.Pem + other.Pem);
        await Eventually.Holds(() => authority.Trust.Current.Certificates.Length == 2);
        await Ask(authority);
    }

    [Fact]
    public async Task The_server_is_verified_by_the_roots_as_they_are_at_its_handshake()
    {
        await using var server = ForeignAuthority.Start();
        using Forge next = Forge.Root(TimeProvider.System.GetUtcNow(), "next");
        server.ServeAs(next, ForeignAuthority.Name);
        using RemoteCertificateAuthority authority = server.Client();
        Assert.Equal(IssuanceFailure.UntrustedAuthority, await Refused(authority));

        server.Folder.Write("trusted.pem", server.Root.Pem + next.Pem);
        await Eventually.Holds(() => authority.Trust.Current.Certificates.Length == 2);

        await Ask(authority);
    }

    [Fact]
    public async Task The_token_is_in_no_log_and_no_error()
    {
        await using var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client();
        var said = new List<string>();
        foreach (string behaviour in new[] { "echo-token", "http 401", "reset", "garbage" })
        {
            server.Answer(behaviour);
            said.Add((await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority))).ToString());
        }

        server.Folder.Write("token", ForeignAuthority.Token + "\u0001");
        said.Add((await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority))).ToString());
        said.AddRange(server.Log.Lines.Select(line => line.Text));
        said.Add(new RemoteAuthorityOptions { Address = new Uri("https://ca") }.ToString());

        Assert.Contains("who is Bearer (token)", said[0], StringComparison.Ordinal);
        Assert.All(said, text => Assert.DoesNotContain("c2VjcmV0", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_file_of_roots_the_system_s_verify_the_server()
    {
        await using var server = ForeignAuthority.Start();
        using RemoteCertificateAuthority authority = server.Client(o => o with { RootFile = null });
        Assert.Empty(authority.Trust.Current.Certificates);

        // The test's root is none of the system's.
        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority));

        Assert.Equal(IssuanceFailure.UntrustedAuthority, e.Reason);
        Assert.Contains("a root of the system", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_file_of_roots_each_answer_says_what_they_are()
    {
        await using var server = ForeignAuthority.Start();
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using Forge next = Forge.Root(now, "next");
        using RemoteCertificateAuthority authority = server.ClientWithoutRoots();
        int changes = 0;
        authority.Trust.Changed += (_, _) => changes++;

        await Ask(authority);
        await Ask(authority);
        Assert.Equal(server.Root.Der, Assert.Single(authority.Trust.Current.Certificates).Der.ToArray());
        server.Folder.Write("ca.pem", next.Pem);
        server.Folder.Write("ca.key", next.KeyPem);
        Assert.Equal(IssuanceFailure.BadAnswer, await Refused(authority));
        server.Folder.Write("roots.pem", next.Pem + server.Root.Pem);
        await Ask(authority);

        Assert.Equal(2, authority.Trust.Current.Certificates.Length);
        Assert.Equal(2, changes);
    }

    [Fact]
    public async Task A_store_keeps_asking_and_serves_once_it_is_let()
    {
        await using var server = ForeignAuthority.Start();
        server.Answer("trailers-only 14 starting");
        using RemoteCertificateAuthority authority = server.Client();
        await using var store = new CertificateStore(
            authority, new MeshPeerVerifier(["cluster.local"]), new CertificateStoreOptions { RetryInitial = TimeSpan.FromMilliseconds(20) });
        store.Request(Web);
        await Eventually.Holds(() => store.Snapshot()[0].Failures > 1);
        Assert.Contains("starting", store.Snapshot()[0].LastError, StringComparison.Ordinal);

        server.Answer("sign");

        await Eventually.Holds(() => store.Snapshot()[0].State == CertificateState.Available);
    }

    private static async Task<IssuedCertificate> Ask(RemoteCertificateAuthority authority)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return await authority.Issue(Web, SigningRequest.Create(Web, key), Stop);
    }

    private static async Task<IssuanceFailure> Refused(RemoteCertificateAuthority authority) =>
        (await Assert.ThrowsAsync<IssuanceException>(() => Ask(authority))).Reason;
}

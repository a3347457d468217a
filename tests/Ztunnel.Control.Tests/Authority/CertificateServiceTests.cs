using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Ztunnel.Identity;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

public sealed class CertificateServiceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_of_another_make_gets_what_Istio_s_clients_expect()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        lab.SignWithNewRoot(intermediate: true);

        JsonNode answer = await lab.Ask(new { token = "node-a", impersonate = true, validity = 3600, timeout = "10S", subject = "/CN=ignored" });

        Assert.Equal("0", answer["status"]?.GetValue<string>());
        Assert.Equal("application/grpc", answer["headers"]!["content-type"]!.GetValue<string>());
        string[] chain = [.. answer["chain"]!.AsArray().Select(part => part!.GetValue<string>())];
        // The leaf, the intermediate and then the roots: the last string is where ztunnel takes all of them from.
        Assert.Equal(3, chain.Length);
        Assert.Equal(lab.RootPem, chain[2]);
        using var leaf = X509Certificate2.CreateFromPem(chain[0]);
        var parsed = ParsedCertificate.Read(leaf.RawData);
        Assert.Equal(AuthorityLab.Web.ToString(), Assert.Single(parsed.Uris));
        Assert.Equal("", leaf.Subject);
        Assert.Equal(62, (parsed.NotAfter - parsed.NotBefore).TotalMinutes, 1.0);
    }

    [Fact]
    public async Task Our_client_gets_a_certificate_for_its_pods_or_itself()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        using RemoteCertificateAuthority node = lab.Client("node-a");
        using RemoteCertificateAuthority web = lab.Client("web", impersonate: false);

        await Issue(node, AuthorityLab.Web);
        await Issue(web, AuthorityLab.Web);

        Assert.Equal(2, lab.Reviews);
    }

    [Theory]
    [InlineData("unknown", "spiffe://cluster.local/ns/demo/sa/web", IssuanceFailure.Unauthenticated, "expired")]
    [InlineData("node-a", "spiffe://cluster.local/ns/demo/sa/db", IssuanceFailure.PermissionDenied, "no pod of demo/db runs on node node-a")]
    [InlineData("node-b", "spiffe://cluster.local/ns/demo/sa/web", IssuanceFailure.PermissionDenied, "no pod of demo/web runs on node node-b")]
    [InlineData("web", "spiffe://cluster.local/ns/demo/sa/db", IssuanceFailure.PermissionDenied, "not the agent of a node")]
    [InlineData("web", "spiffe://cluster.local/ns/demo/sa/web", IssuanceFailure.PermissionDenied, "not the agent of a node")]
    public async Task Others_are_told_why_not(string token, string identity, IssuanceFailure reason, string text)
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        lab.Agent("node-b");
        lab.Run("db-1", "node-b", "db");
        using RemoteCertificateAuthority client = lab.Client(token);

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Issue(client, SpiffeId.Parse(identity)));

        Assert.Equal(reason, e.Reason);
        Assert.Contains(text, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_s_own_account_is_all_that_it_gives()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        using RemoteCertificateAuthority web = lab.Client("web", impersonate: false);

        // The signing request names another namespace's account.
        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Issue(web, SpiffeId.Parse("spiffe://cluster.local/ns/other/sa/web")));

        Assert.Equal(IssuanceFailure.PermissionDenied, e.Reason);
        Assert.Contains("asks for spiffe://cluster.local/ns/other/sa/web", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"token":"node-a","impersonate":true}""", "0", "")]
    [InlineData("""{"token":"node-a","impersonate":true,"rsa":true,"type":"application/grpc+proto"}""", "0", "")]
    [InlineData("""{"impersonate":true}""", "16", "no bearer token")]
    [InlineData("""{"token":"node-a","impersonate":true,"compressed":true}""", "12", "compressed")]
    [InlineData("""{"token":"node-a","impersonate":true,"encoding":"gzip"}""", "12", "compressed")]
    [InlineData("""{"token":"node-a","impersonate":true,"twice":true}""", "12", "more than one message")]
    [InlineData("""{"token":"node-a","impersonate":true,"cut":3}""", "13", "cut off")]
    [InlineData("""{"token":"node-a","impersonate":true,"padding":66000}""", "8", "")]
    [InlineData("""{"token":"node-a","impersonate":true,"timeout":"soon"}""", "3", "grpc-timeout")]
    [InlineData("""{"token":"node-a","impersonate":true,"path":"/istio.v1.auth.IstioCertificateService/Other"}""", "12", "no such method")]
    [InlineData("""{"token":"node-a","impersonate":true,"csr":"none"}""", "3", "PEM certificate request")]
    [InlineData("""{"token":"node-a","impersonate":true,"csr":"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"}""", "3", "not PKCS#10")]
    [InlineData("""{"token":"node-a","impersonate":true,"asks":"spiffe://cluster.local/ns/demo/sa/db"}""", "7", "asks for spiffe://cluster.local/ns/demo/sa/db")]
    public async Task Calls_end_as_gRPC_has_it(string ask, string status, string message)
    {
        await using AuthorityLab lab = await AuthorityLab.Start();

        JsonNode answer = await lab.Ask(JsonNode.Parse(ask)!);

        Assert.Equal(status, answer["status"]?.GetValue<string>());
        Assert.Contains(message, answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(status != "0", answer["onlyTrailers"]!.GetValue<bool>());
    }

    [Fact]
    public async Task What_is_not_gRPC_is_told_so_by_HTTP()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();

        JsonNode answer = await lab.Ask(new { token = "node-a", type = "application/json" });

        Assert.Equal(415, answer["headers"]![":status"]!.GetValue<int>());
    }

    [Fact]
    public async Task The_certificate_is_for_both_names_and_no_other()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();

        Assert.Equal("0", (await lab.Ask(new { token = "web", server = "istiod.istio-system.svc" }))["status"]?.GetValue<string>());
        Assert.Equal("ERR_TLS_CERT_ALTNAME_INVALID", (await lab.Ask(new { token = "web", server = "other.istio-system.svc" }))["error"]?.GetValue<string>());
    }

    [Fact]
    public async Task A_deadline_ends_the_call()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        lab.BeforeReview = stop => Task.Delay(Timeout.InfiniteTimeSpan, stop);

        JsonNode answer = await lab.Ask(new { token = "node-a", impersonate = true, timeout = "200m" });

        Assert.Equal("4", answer["status"]?.GetValue<string>());
    }

    [Fact]
    public async Task A_lifetime_is_honoured_up_to_the_longest()
    {
        await using AuthorityLab lab = await AuthorityLab.Start(o => o with { DefaultLifetime = TimeSpan.FromHours(2), MaxLifetime = TimeSpan.FromHours(5) });

        Assert.Equal(2, await Hours(0), 0.1);
        Assert.Equal(3, await Hours(3 * 3600), 0.1);
        Assert.Equal(5, await Hours(1_000_000_000), 0.1);

        async Task<double> Hours(long validity)
        {
            JsonNode answer = await lab.Ask(new { token = "web", validity });
            using var leaf = X509Certificate2.CreateFromPem(answer["chain"]![0]!.GetValue<string>());
            return (leaf.NotAfter - leaf.NotBefore).TotalHours;
        }
    }

    [Fact]
    public async Task One_review_of_a_token_serves_many_calls_for_some_seconds()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using AuthorityLab lab = await AuthorityLab.Start(time: time);
        using RemoteCertificateAuthority node = lab.Client("node-a");
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Issue(node, AuthorityLab.Web)));
        Assert.Equal(1, lab.Reviews);

        lab.Tokens.TryRemove("node-a", out _);
        await Issue(node, AuthorityLab.Web);
        time.Advance(TokenAuthenticator.Kept);

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Issue(node, AuthorityLab.Web));
        Assert.Equal(IssuanceFailure.Unauthenticated, e.Reason);
    }

    [Fact]
    public async Task While_tokens_cannot_be_reviewed_the_answer_is_not_now_and_is_not_kept()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        lab.BeforeReview = _ => throw new GrpcException(GrpcStatus.Unavailable, "the API server is away");
        using RemoteCertificateAuthority node = lab.Client("node-a");
        Assert.Equal(IssuanceFailure.Unavailable, (await Assert.ThrowsAsync<IssuanceException>(() => Issue(node, AuthorityLab.Web))).Reason);

        lab.BeforeReview = _ => Task.CompletedTask;

        await Issue(node, AuthorityLab.Web);
    }

    [Fact]
    public async Task Who_asks_too_often_waits_and_nobody_with_it()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using AuthorityLab lab = await AuthorityLab.Start(o => o with { CallerRate = new CallRate(1, 3) }, time);
        using RemoteCertificateAuthority web = lab.Client("web", impersonate: false);
        for (int i = 0; i < 3; i++)
            await Issue(web, AuthorityLab.Web);

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => Issue(web, AuthorityLab.Web));

        Assert.Contains("asks too often", e.Message, StringComparison.Ordinal);
        using RemoteCertificateAuthority node = lab.Client("node-a");
        await Issue(node, AuthorityLab.Web);
        time.Advance(TimeSpan.FromSeconds(1));
        await Issue(web, AuthorityLab.Web);
    }

    [Fact]
    public async Task The_port_s_certificate_is_renewed_and_follows_the_key()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using AuthorityLab lab = await AuthorityLab.Start(time: time);
        using var certificate = new ServerCertificate(lab.Signing, ["a.svc"], time);
        X509Certificate2 first = certificate.Current().TargetCertificate;
        time.Advance(TimeSpan.FromHours(11.9));
        Assert.Same(first, certificate.Current().TargetCertificate);

        time.Advance(TimeSpan.FromHours(0.2));
        X509Certificate2 second = certificate.Current().TargetCertificate;
        lab.SignWithNewRoot(intermediate: true);
        var third = certificate.Current();

        Assert.False(first.RawData.SequenceEqual(second.RawData));
        Assert.Equal("CN=intermediate", third.TargetCertificate.Issuer);
        Assert.Single(third.IntermediateCertificates);
        Assert.True(third.TargetCertificate.HasPrivateKey);
    }

    [Fact]
    public async Task No_token_and_no_request_is_in_the_log()
    {
        await using AuthorityLab lab = await AuthorityLab.Start();
        lab.Tokens["c2VjcmV0"] = lab.Tokens["node-a"];
        foreach (object ask in new object[]
        {
            new { token = "c2VjcmV0", impersonate = true },
            new { token = "c2VjcmV0", impersonate = true, identity = "spiffe://cluster.local/ns/demo/sa/db" },
            new { token = "c2VjcmV0", csr = "c2VjcmV0" },
            new { token = "wrong-c2VjcmV0", impersonate = true },
        })
        {
            JsonNode answer = await lab.Ask(ask);
            Assert.DoesNotContain("c2VjcmV0", answer["message"]!.GetValue<string>(), StringComparison.Ordinal);
        }

        lab.BeforeReview = _ => throw new InvalidOperationException("broken");
        await lab.Ask(new { token = "another-c2VjcmV0" });
        string log = string.Join('\n', lab.Log.Lines.Select(line => line.Text));
        Assert.Contains("no pod of demo/db", log, StringComparison.Ordinal);
        Assert.Contains("broken", log, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", log, StringComparison.Ordinal);
    }

    internal static async Task Issue(RemoteCertificateAuthority authority, SpiffeId identity)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await authority.Issue(identity, SigningRequest.Create(identity, key), Stop);
    }
}

using System.Buffers.Text;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Identity;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What one address may have of the authority.</summary>
public sealed class ClientGateTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.1")]
    [InlineData("::ffff:10.0.0.1", "10.0.0.1")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("fe80::1%3", "fe80::/64")]
    [InlineData("2001:db8:1:2::a", "2001:db8:1:2::a")]
    [InlineData("2001:db8:1:2::b", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2::c", "2001:db8:1:2::/64")]
    public void An_address_counts_by_itself_and_of_IPv6_where_it_is_a_pod_s(string address, string client)
    {
        var pods = new NodePods();
        Run(pods, "a", PodPhase.Running, "10.0.0.9", "2001:db8:1:2::a");
        Run(pods, "same-node", PodPhase.Running, "2001:db8:1:2::a");
        Run(pods, "b", PodPhase.Running, "2001:db8:1:2::b");
        Run(pods, "b", PodPhase.Succeeded, "2001:db8:1:2::b");
        Run(pods, "c", PodPhase.Running, "2001:db8:1:2::c");
        foreach (string gone in new[] { "c", "same-node" })
            pods.Apply(new ResourceEvent.Remove(new ObjectKey(ObjectKind.Pod, "demo", gone)));

        Assert.Equal(client, new ClientGate(pods, new ClientLimits(), TimeProvider.System, NullLogger.Instance).NameOf(IPAddress.Parse(address)));
    }

    [Fact]
    public async Task Who_holds_connections_open_keeps_others_behind_its_address_out_for_moments_only()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using AuthorityLab lab = await AuthorityLab.Start(options => options with { Clients = new ClientLimits { Connections = 2 } }, time);
        using RemoteCertificateAuthority known = lab.Client("node-a"), next = lab.Client("node-a");
        await CertificateServiceTests.Issue(known, AuthorityLab.Web);

        await using SslStream idle = await Connect(lab), another = await Connect(lab);
        await Eventually.Holds(() => lab.Gate.Unproven("127.0.0.1") == 2);
        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(() => CertificateServiceTests.Issue(next, AuthorityLab.Web));
        Assert.Equal(IssuanceFailure.Unavailable, e.Reason);
        Assert.Single(lab.Log.Lines, line => line.Text.Contains("is refused: 127.0.0.1 has 2 connections open with no good token, which is its limit", StringComparison.Ordinal));
        await CertificateServiceTests.Issue(known, AuthorityLab.Web);

        time.Advance(new ClientLimits().FirstCall);
        await Eventually.Holds(() => lab.Gate.Unproven("127.0.0.1") == 0);
        await CertificateServiceTests.Issue(next, AuthorityLab.Web);
        // Not those on which there was a call.
        time.Advance(TimeSpan.FromMinutes(1));
        await CertificateServiceTests.Issue(known, AuthorityLab.Web);
        Assert.DoesNotContain(lab.Log.Lines, line => line.Text.Contains("connects too often", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Connections_with_a_good_token_take_nothing_from_an_address_but_one_caller_has_only_so_many()
    {
        await using AuthorityLab lab = await AuthorityLab.Start(options => options with { Clients = new ClientLimits { Connections = 1, ProvenConnections = 3 } });
        var authorities = new List<RemoteCertificateAuthority>();
        try
        {
            foreach (string node in new[] { "node-a", "node-b" })
            {
                lab.Agent(node);
                lab.Run($"web-{node}", node);
                for (int each = 0; each < 3; each++)
                {
                    authorities.Add(lab.Client(node));
                    await CertificateServiceTests.Issue(authorities[^1], AuthorityLab.Web);
                    Assert.Equal(0, lab.Gate.Unproven("127.0.0.1"));
                }
            }

            authorities.Add(lab.Client("node-a"));
            await CertificateServiceTests.Issue(authorities[^1], AuthorityLab.Web);
            Assert.Equal(1, lab.Gate.Unproven("127.0.0.1"));
            authorities[0].Dispose();
            authorities[^1].Dispose();
            authorities.Add(lab.Client("node-a"));
            await Served(authorities[^1]);
            for (var limit = Task.Delay(Eventually.Deadline, Stop); lab.Gate.Unproven("127.0.0.1") > 0; await Task.Delay(20, Stop))
            {
                Assert.False(limit.IsCompleted);
                await CertificateServiceTests.Issue(authorities[^1], AuthorityLab.Web);
            }
        }
        finally
        {
            authorities.ForEach(authority => authority.Dispose());
        }
    }

    [Fact]
    public async Task A_thousand_agents_behind_one_address_are_known_within_a_minute()
    {
        var time = new ManualTime(new DateTimeOffset(2027, 1, 15, 8, 0, 0, TimeSpan.Zero));
        var limits = new ReviewLimits();
        var callers = new TokenAuthenticator(new GoodReviewer(), "istio-ca", time, limits);
        string claims = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"aud": ["istio-ca"], "exp": {{time.GetUtcNow().AddHours(1).ToUnixTimeSeconds()}}}"""));
        HashSet<int> unknown = [.. Enumerable.Range(0, 1000)];
        int second = 0;
        for (; second < 60 && unknown.Count > 0; second++)
        {
            // As often as an agent that is refused tries again, at the worst.
            foreach (int node in unknown.ToArray())
            {
                try
                {
                    await callers.Authenticate($"Bearer e30.{claims}.{node}", "10.0.0.1", Stop);
                    unknown.Remove(node);
                }
                catch (GrpcException e) when (e.Status == GrpcStatus.ResourceExhausted)
                {
                    // Later.
                }
            }

            time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Empty(unknown);
        Assert.True(new ClientLimits() is { Connections: >= 1000, Connecting.Burst: >= 1000 });
    }

    [Fact]
    public async Task A_client_connects_so_often_and_no_more()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using AuthorityLab lab = await AuthorityLab.Start(time: time, with: options => options with { Clients = new ClientLimits { Connecting = new CallRate(1, 1) } });
        using RemoteCertificateAuthority first = lab.Client("node-a"), second = lab.Client("node-a");
        await CertificateServiceTests.Issue(first, AuthorityLab.Web);
        await Assert.ThrowsAsync<IssuanceException>(() => CertificateServiceTests.Issue(second, AuthorityLab.Web));
        Assert.Single(lab.Log.Lines, line => line.Text.Contains("is refused: 127.0.0.1 connects too often", StringComparison.Ordinal));

        time.Advance(TimeSpan.FromSeconds(1));
        await CertificateServiceTests.Issue(second, AuthorityLab.Web);
        await CertificateServiceTests.Issue(first, AuthorityLab.Web);
    }

    [Fact]
    public async Task A_client_has_so_many_calls_under_way_and_is_told_when_it_has_too_many()
    {
        await using AuthorityLab lab = await AuthorityLab.Start(options => options with { Clients = new ClientLimits { Calls = 1 } });
        var answer = new TaskCompletionSource();
        lab.BeforeReview = answer.Task.WaitAsync;
        using RemoteCertificateAuthority node = lab.Client("node-a");
        Task first = CertificateServiceTests.Issue(node, AuthorityLab.Web);
        await Eventually.Holds(() => lab.Reviews == 1);

        var second = await lab.Ask(new { token = "web" });
        Assert.Equal("8", (string?)second["status"]);
        Assert.Equal("127.0.0.1 has 1 calls under way, which is its limit: try again", (string?)second["message"]);

        answer.SetResult();
        await first;
        await Served(node);
    }

    [Fact]
    public async Task Who_sends_made_up_tokens_is_told_why_it_is_refused_and_so_is_the_log()
    {
        await using AuthorityLab lab = await AuthorityLab.Start(options => options with { Reviews = new ReviewLimits { EachRate = new CallRate(0.0001, 2) } });
        using RemoteCertificateAuthority node = lab.Client("node-a");
        await Served(node);
        Assert.Equal("16", (string?)(await lab.Ask(new { token = "made-up" }))["status"]);

        for (int again = 0; again < 2; again++)
        {
            var refused = await lab.Ask(new { token = $"made-up-{again}" });
            Assert.Equal("8", (string?)refused["status"]);
            Assert.Equal("too many calls of 127.0.0.1 with tokens that are not known to be good: try again", (string?)refused["message"]);
        }

        Assert.Single(lab.Log.Lines, line => line.Text.Contains("too many calls of 127.0.0.1", StringComparison.Ordinal));
        await CertificateServiceTests.Issue(node, AuthorityLab.Web);
    }

    /// <summary>A connection on which nothing is asked.</summary>
    private static async Task<SslStream> Connect(AuthorityLab lab)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(lab.Address, Stop);
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true), leaveInnerStreamOpen: false, static (_, certificate, _, _) => certificate is not null);
        var options = new SslClientAuthenticationOptions { TargetHost = "ztunnel-controller.istio-system.svc", ApplicationProtocols = [SslApplicationProtocol.Http2] };
        await stream.AuthenticateAsClientAsync(options, Stop);
        return stream;
    }

    private sealed class GoodReviewer : ITokenReviewer
    {
        public Task<Caller?> Review(string token, CancellationToken cancellationToken) =>
            Task.FromResult<Caller?>(new Caller("istio-system", "ztunnel") { PodUid = token });
    }

    private static void Run(NodePods pods, string name, PodPhase phase, params string[] addresses) => pods.Apply(new ResourceEvent.Put(
        new PodObject
        {
            Metadata = new ObjectMetadata { Name = name, Namespace = "demo" },
            NodeName = "node-a",
            ServiceAccount = "web",
            Phase = phase,
            Addresses = [.. addresses.Select(IPAddress.Parse)],
        },
        new Origin("test", 1)));

    /// <summary>What was taken is given back a moment after it ended.</summary>
    private static async Task Served(RemoteCertificateAuthority authority)
    {
        for (int tried = 0; ; tried++)
        {
            try
            {
                await CertificateServiceTests.Issue(authority, AuthorityLab.Web);
                return;
            }
            catch (IssuanceException) when (tried < 200)
            {
                await Task.Delay(50, Stop);
            }
        }
    }
}

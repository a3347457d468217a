using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Identity;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>The authority of a cluster beside an API server: its key, its roots, and what goes on while they change.</summary>
public sealed class ClusterAuthorityTests
{
    [Fact]
    public async Task The_leader_makes_a_key_and_puts_its_root_where_it_is_needed()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();

        await replica.Serving;
        await cluster.Until(() => cluster.RootsIn("gateways").Length > 0 && cluster.RootsIn("demo").Length > 0 && cluster.RootsIn("istio-system").Length > 0);

        Assert.Equal("", cluster.RootsIn("plain"));
        Assert.Equal(cluster.Secret("root-cert.pem"), cluster.RootsIn("demo"));
        using AuthorityCluster.NodeClient node = await cluster.Node("node-a", replica);
        Assert.True(node.Trusts(await node.Issue()));
        Assert.Null(replica.Status.Fault);
    }

    [Fact]
    public async Task A_replica_that_does_not_lead_signs_with_the_same_key()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority follower = cluster.Replica(leads: false);
        await Eventually.Holds(() => follower.Status.Fault?.Contains("has not made", StringComparison.Ordinal) == true);
        Assert.False(follower.Serving.IsCompleted);
        ClusterAuthority leader = cluster.Replica();
        await cluster.Until(() => follower.Serving.IsCompleted && leader.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);

        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", leader), b = await cluster.Node("node-b", follower);

        Assert.True(a.Trusts(await b.Issue()));
        Assert.True(b.Trusts(await a.Issue()));
    }

    [Fact]
    public async Task Of_two_that_make_the_Secret_at_once_one_wins_and_both_sign_with_its_key()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        int creating = 0;
        bool IsCreation(ApiRequest request) => request is { Verb: "create", Resource: "secrets" } && Interlocked.Increment(ref creating) > 0;
        ClusterAuthority first, second;
        using (cluster.Server.Faults.Hold(IsCreation))
        {
            first = cluster.Replica();
            second = cluster.Replica();
            await Eventually.Holds(() => Volatile.Read(ref creating) == 2);
        }

        await cluster.Until(() => first.Serving.IsCompleted && second.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);

        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", first), b = await cluster.Node("node-b", second);
        Assert.Single(a.Authority.Trust.Current.Certificates);
        Assert.True(a.Trusts(await b.Issue()));
        Assert.True(b.Trusts(await a.Issue()));
    }

    [Fact]
    public async Task ConfigMaps_are_kept_as_they_should_be_and_those_of_others_left_alone()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        cluster.Server.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-ca-root-cert, namespace: gateways}, data: {root-cert.pem: theirs}}");
        cluster.Server.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: demo}, data: {root-cert.pem: other}}");
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => cluster.RootsIn("demo").Length > 0);
        string roots = cluster.RootsIn("demo");

        cluster.Server.Put("{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-ca-root-cert, namespace: demo, labels: {app.kubernetes.io/managed-by: ztunnel, own: label}}, data: {root-cert.pem: changed, more: x}}");
        await cluster.Until(() => cluster.RootsIn("demo") == roots);
        JsonObject mended = cluster.Server.Objects.Get("v1", "ConfigMap", "demo", RootSpreader.Name)!;
        Assert.Equal("x", (string?)mended["data"]!["more"]);
        Assert.Equal("label", (string?)mended["metadata"]!["labels"]!["own"]);
        cluster.Server.Objects.Delete("v1", "ConfigMap", "demo", RootSpreader.Name);
        await cluster.Until(() => cluster.RootsIn("demo") == roots);
        cluster.Server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: late}}");
        AuthorityCluster.Observe(AuthorityCluster.Namespace("late", ambient: true), replica);
        await cluster.Until(() => cluster.RootsIn("late") == roots);

        Assert.Equal("theirs", cluster.RootsIn("gateways"));
        Assert.Single(cluster.Log.Lines, line => line.Text.Contains("gateways/istio-ca-root-cert has other roots", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_root_is_exchanged_under_traffic_and_no_certificate_fails()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa old = new(cluster.Time.GetUtcNow()), @new = new(cluster.Time.GetUtcNow());
        cluster.Server.Objects.Put(TestCa.Secret(old.Files()));
        ClusterAuthority leader = cluster.Replica(), follower = cluster.Replica(leads: false);
        await cluster.Until(() => leader.Serving.IsCompleted && follower.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", leader), b = await cluster.Node("node-b", follower);
        await using var traffic = new Traffic(cluster, a, b);
        Assert.Equal(old.Pem, cluster.RootsIn("istio-system"));

        cluster.Server.Objects.Put(TestCa.Secret(@new.Files()));
        await cluster.Until(() => cluster.RootsIn("istio-system") == @new.Pem + old.Pem && cluster.RootsIn("demo") == @new.Pem + old.Pem);
        await traffic.Goes(1);
        Assert.Equal(Encoding.ASCII.GetString(old.Files()["ca-cert.pem"]), cluster.Secret("ca-cert.pem"));
        // The kubelets bring it to one node and then to the other.
        await a.Mount();
        await traffic.Goes(1);
        await b.Mount();
        await traffic.Goes(1);
        await cluster.Until(() => cluster.IsSpread);
        await cluster.Pass(cluster.Options.Propagation);
        await cluster.Until(() => cluster.Secret("ca-cert.pem") == @new.Pem);
        await traffic.Goes(2);
        await cluster.Until(() => a.Trusts(traffic.LastOf(a)) && NamesIssuer(traffic.LastOf(a), @new) && NamesIssuer(traffic.LastOf(b), @new));
        await cluster.Pass(cluster.Options.MaxLifetime + cluster.Options.Propagation);
        await cluster.Until(() => cluster.RootsIn("istio-system") == @new.Pem && cluster.RootsIn("demo") == @new.Pem);
        await a.Mount();
        await traffic.Goes(1);
        await b.Mount();
        await traffic.Goes(2);

        await traffic.End();
        Assert.Empty(traffic.Failures);
    }

    [Fact]
    public async Task A_wrong_cacerts_is_named_and_changes_nothing()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa first = new(cluster.Time.GetUtcNow()), second = new(cluster.Time.GetUtcNow());
        Dictionary<string, byte[]> mixed = second.Files();
        mixed["ca-key.pem"] = first.Files()["ca-key.pem"];
        cluster.Server.Objects.Put(TestCa.Secret(mixed));
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Status.Fault?.Contains("Secret istio-system/cacerts: ca-key.pem: the key is not the one", StringComparison.Ordinal) == true);

        await Eventually.Holds(() => cluster.Server.Objects.List("events.k8s.io/v1", "Event").Any(told =>
            (string?)told["regarding"]!["name"] == "cacerts" && ((string)told["note"]!).Contains("ca-key.pem", StringComparison.Ordinal)));
        // Whoever has a cacerts means to have that, and not a root of ours.
        Assert.Equal("", cluster.Secret("ca-cert.pem"));
        cluster.Server.Objects.Put(TestCa.Secret(first.Files()));
        await cluster.Until(() => replica.Serving.IsCompleted && replica.Status.Fault is null);
        cluster.Server.Objects.Put(TestCa.Secret(mixed));
        await cluster.Until(() => replica.Status.Fault is not null);

        Assert.Equal(first.Pem, cluster.Secret("ca-cert.pem"));
        Assert.Equal(first.Pem, cluster.Secret("root-cert.pem"));
    }

    [Theory]
    [InlineData("rotation.json", "bm8=", "rotation.json: it does not hold")]
    [InlineData("rotation.json", "eyJyb290cyI6W3sic2hhMjU2IjoxfV19", "rotation.json: it does not hold")]
    [InlineData("ca-key.pem", "bm8=", "ca-key.pem: the file holds no PEM private key")]
    [InlineData("root-cert.pem", "bm8=", "root-cert.pem: the file holds no PEM certificate")]
    public async Task A_Secret_that_somebody_has_spoilt_is_named_and_the_last_good_key_signs_on(string file, string content, string fault)
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient node = await cluster.Node("node-a", replica);
        JsonObject good = cluster.Server.Objects.Get("v1", "Secret", "istio-system", "ztunnel-ca")!;
        JsonObject spoilt = good.DeepClone().AsObject();
        spoilt["data"]![file] = content;
        spoilt["metadata"]!.AsObject().Remove("resourceVersion");
        cluster.Server.Objects.Put(spoilt);

        await cluster.Until(() => replica.Status.Fault?.Contains(fault, StringComparison.Ordinal) == true);
        Assert.True(node.Trusts(await node.Issue()));
        good["metadata"]!.AsObject().Remove("resourceVersion");
        cluster.Server.Objects.Put(good);
        await cluster.Until(() => replica.Status.Fault is null);
    }

    [Fact]
    public async Task A_Secret_that_somebody_has_deleted_comes_back_with_the_key_that_all_trust()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0 && replica.Status.Fault is null);
        string certificate = cluster.Secret("ca-cert.pem"), roots = cluster.RootsIn("istio-system");

        cluster.Server.Objects.Delete("v1", "Secret", "istio-system", "ztunnel-ca");
        await cluster.Until(() => cluster.Secret("ca-cert.pem").Length > 0);

        Assert.Equal(certificate, cluster.Secret("ca-cert.pem"));
        Assert.Equal(roots, cluster.RootsIn("istio-system"));
    }

    [Fact]
    public async Task While_the_API_server_is_away_known_callers_are_served_and_others_told_to_wait()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", replica), b = await cluster.Node("node-b", replica);
        await a.Issue();
        using (cluster.Server.Faults.Fail(503))
        {
            await a.Issue();
            IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(b.Issue);
            Assert.Equal(IssuanceFailure.Unavailable, e.Reason);
            Assert.Contains("503 ServiceUnavailable", e.Message, StringComparison.Ordinal);
        }

        await b.Issue();
    }

    [Fact]
    public async Task Tokens_that_are_not_for_this_are_nobody_s()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", replica);
        using AuthorityCluster.NodeClient gone = await cluster.Node("node-b", replica);
        cluster.Server.Objects.Delete("v1", "Pod", "istio-system", "ztunnel-node-b");

        IssuanceException e = await Assert.ThrowsAsync<IssuanceException>(gone.Issue);

        Assert.Equal(IssuanceFailure.Unauthenticated, e.Reason);
        await a.Issue();
    }

    [Fact]
    public async Task Keys_and_tokens_are_in_no_log_and_no_error()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        using TestCa ca = new(cluster.Time.GetUtcNow());
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("istio-system").Length > 0);
        using AuthorityCluster.NodeClient a = await cluster.Node("node-a", replica), b = await cluster.Node("node-b", replica);
        await a.Issue();
        string made = cluster.Secret("ca-key.pem");
        Dictionary<string, byte[]> broken = ca.Files();
        broken["ca-key.pem"] = broken["ca-key.pem"][..^60];
        cluster.Server.Objects.Put(TestCa.Secret(broken));
        await cluster.Until(() => replica.Status.Fault is not null);
        var said = new StringBuilder(replica.Status.ToString());
        foreach (int status in new[] { 400, 403, 422, 500, 503 })
        {
            using (cluster.Server.Faults.Fail(status, request => request.Resource.StartsWith("tokenreviews", StringComparison.Ordinal)))
                said.Append(await Assert.ThrowsAsync<IssuanceException>(b.Issue));
        }

        foreach ((_, string text) in cluster.Log.Lines)
            said.AppendLine(text);

        string all = said.ToString();
        Assert.Contains("ca-key.pem", all, StringComparison.Ordinal);
        foreach (string secret in new[] { made, Encoding.ASCII.GetString(broken["ca-key.pem"]) })
        {
            foreach (string line in secret.Split('\n').Where(line => line.Length > 20 && !line.StartsWith('-')))
                Assert.DoesNotContain(line, all, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(a.Token, all, StringComparison.Ordinal);
        Assert.DoesNotContain(b.Token, all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_passes_to_the_controller_is_what_the_authority_goes_by()
    {
        await using AuthorityCluster cluster = await AuthorityCluster.Start();
        ClusterAuthority replica = cluster.Replica();
        await cluster.Until(() => replica.Serving.IsCompleted && cluster.RootsIn("demo").Length > 0);
        ResourceEvent late = AuthorityCluster.Namespace("late", ambient: true);
        cluster.Server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: late}}");
        var told = new List<ResourceEvent>();

        await foreach (ResourceEvent passed in replica.Observing(new Told(late)).Watch(TestContext.Current.CancellationToken))
            told.Add(passed);

        Assert.Same(late, Assert.Single(told));
        await cluster.Until(() => cluster.RootsIn("late").Length > 0);
    }

    private static bool NamesIssuer(ParsedCertificate[] chain, TestCa ca) => chain[^1].NamesAsIssuer(ca.Root);

    private sealed class Told(ResourceEvent only) : IResourceSource
    {
        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            yield return only;
        }
    }

    /// <summary>Nodes that get certificates all the time and verify each other's.</summary>
    private sealed class Traffic : IAsyncDisposable
    {
        private readonly AuthorityCluster.NodeClient[] _nodes;
        private readonly SemaphoreSlim _calls;
        private readonly Dictionary<AuthorityCluster.NodeClient, ParsedCertificate[]> _last = [];
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _going;
        private int _rounds;

        public Traffic(AuthorityCluster cluster, params AuthorityCluster.NodeClient[] nodes)
        {
            _nodes = nodes;
            _calls = cluster.Calls;
            _going = Task.Run(Go);
        }

        public List<string> Failures { get; } = [];

        /// <summary>Returns when so many whole rounds have gone by.</summary>
        public Task Goes(int rounds)
        {
            int until = Volatile.Read(ref _rounds) + rounds + 1;
            return Eventually.Holds(() => Volatile.Read(ref _rounds) >= until);
        }

        public ParsedCertificate[] LastOf(AuthorityCluster.NodeClient node)
        {
            lock (_last)
                return _last[node];
        }

        public async Task End()
        {
            await _stop.CancelAsync();
            await _going;
        }

        public async ValueTask DisposeAsync()
        {
            await End();
            _stop.Dispose();
        }

        private async Task Go()
        {
            while (!_stop.IsCancellationRequested)
            {
                await _calls.WaitAsync();
                try
                {
                    foreach (AuthorityCluster.NodeClient node in _nodes)
                    {
                        ParsedCertificate[] chain = await node.Issue();
                        lock (_last)
                            _last[node] = chain;
                        Failures.AddRange(_nodes.Where(other => !other.Trusts(chain)).Select(_ => "a peer would be refused"));
                    }
                }
                catch (Exception e)
                {
                    Failures.Add(e.Message);
                }
                finally
                {
                    _calls.Release();
                }

                Interlocked.Increment(ref _rounds);
            }
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What clients notice of policies about a pod: through a tunnel, in plaintext, and from a pod beside it.</summary>
public sealed class PolicyTests(PolicyTests.SharedLab shared) : IClassFixture<PolicyTests.SharedLab>, IAsyncLifetime
{
    private const string Web = "selector: {matchLabels: {app: server}}";

    private PolicyLab Lab => shared.Lab;

    public async ValueTask InitializeAsync() => await Lab.Apply();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Strict_refuses_plaintext_and_takes_mutual_TLS(bool ipv6)
    {
        IPAddress server = ipv6 ? Lab.Server.IPv6 : Lab.Server.IPv4;
        Assert.Equal("client visitor stranger neighbour", await Lab.Reached(ipv6));

        await Lab.Apply(PolicyLab.PeerAuthentication("strict", "{mtls: {mode: STRICT}}"));

        Assert.Equal("client visitor neighbour", await Lab.Reached(ipv6));
        FailedConnection refused = await PodSocket.Fail(Lab.Stranger, server, EchoServer.Port);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        Assert.InRange(refused.After, TimeSpan.Zero, PodSocket.Promptly);
        string line = await Lab.Mesh.AccessLine($"src.addr={refused.Client}", "direction=\"inbound\"");
        Assert.Contains("error=\"PlaintextRefused: connection closed due to policy rejection: explicitly denied by: default/strict", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{selector: {matchLabels: {app: server}}, mtls: {mode: STRICT}, portLevelMtls: {9090: {mode: PERMISSIVE}}}", 9090, 8080)]
    [InlineData("{selector: {matchLabels: {app: server}}, mtls: {mode: STRICT}, portLevelMtls: {9090: {mode: DISABLE}}}", 9090, 8080)]
    [InlineData("{selector: {matchLabels: {app: server}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {9090: {mode: STRICT}}}", 8080, 9090)]
    public async Task A_port_may_be_an_exception(string spec, int open, int closed)
    {
        await using EchoServer more = EchoServer.Start(Lab.Server, 9090);
        await Lab.Apply(PolicyLab.PeerAuthentication($"port-{open}-{spec.Length}", spec));

        Assert.NotNull(await EchoServer.Greeting(Lab.Stranger, Lab.Server.IPv4, open));
        FailedConnection refused = await PodSocket.Fail(Lab.Stranger, Lab.Server.IPv4, closed);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        Assert.Contains("policy rejection", await Lab.Mesh.AccessLine($"src.addr={refused.Client}", "direction=\"inbound\""), StringComparison.Ordinal);
        foreach (int port in new[] { open, closed })
            Assert.NotNull(await EchoServer.Greeting(Lab.Client, Lab.Server.IPv4, port));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_allow_policy_lets_in_only_the_principals_it_names(bool ipv6)
    {
        IPAddress server = ipv6 ? Lab.Server.IPv6 : Lab.Server.IPv4;
        await Lab.Apply(PolicyLab.Policy("only-client", $"{{{Web}, rules: [{{from: [{{source: {{principals: [cluster.local/ns/default/sa/client]}}}}]}}]}}"));

        Assert.Equal("client", await Lab.Reached(ipv6));
        FailedConnection refused = await PodSocket.Fail(Lab.Visitor, server, EchoServer.Port);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        string inbound = await Lab.Mesh.AccessLine("direction=\"inbound\"", "src.workload=\"visitor\"", "dst.workload=\"server\"", $"dst.addr={new IPEndPoint(server, EchoServer.Port)}", "error=");
        Assert.Contains("error=\"NotAllowedByPolicy: connection closed due to policy rejection: allow policies exist, but none allowed\"", inbound, StringComparison.Ordinal);
        Assert.Contains("denied by the destination's policy (403)", await Lab.Mesh.AccessLine("direction=\"outbound\"", $"src.addr={refused.Client}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_allow_policy_without_rules_lets_nobody_in()
    {
        await Lab.Apply(PolicyLab.Policy("nobody", "{}"));

        Assert.Equal("", await Lab.Reached());
    }

    [Fact]
    public async Task A_pod_beside_the_server_is_refused_as_one_elsewhere_is()
    {
        await Lab.Apply(PolicyLab.Policy("not-neighbour", "{action: DENY, rules: [{from: [{source: {principals: [\"*/sa/neighbour\"]}}]}]}"));

        Assert.Equal("client visitor stranger", await Lab.Reached());
        FailedConnection refused = await PodSocket.Fail(Lab.Neighbour, Lab.Server.IPv4, EchoServer.Port);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        foreach (string direction in new[] { "inbound", "outbound" })
        {
            string line = await Lab.Mesh.AccessLine($"direction=\"{direction}\"", $"src.addr={refused.Client}");
            Assert.Contains("error=\"DeniedByPolicy: connection closed due to policy rejection: explicitly denied by: default/not-neighbour\"", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_deny_policy_refuses_a_namespace()
    {
        await Lab.Apply(PolicyLab.Policy("no-partners", "{action: DENY, rules: [{from: [{source: {namespaces: [partner]}}]}]}"));

        Assert.Equal("client stranger neighbour", await Lab.Reached());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_deny_policy_refuses_an_address(bool ipv6)
    {
        IPAddress denied = ipv6 ? Lab.Client.IPv6 : Lab.Client.IPv4;
        await Lab.Apply(PolicyLab.Policy(ipv6 ? "not-v6" : "not-v4", $"{{action: DENY, rules: [{{from: [{{source: {{ipBlocks: [\"{denied}\"]}}}}]}}]}}"));

        Assert.Equal("visitor stranger neighbour", await Lab.Reached(ipv6));
        Assert.Equal("client visitor stranger neighbour", await Lab.Reached(!ipv6));
    }

    [Fact]
    public async Task A_deny_policy_refuses_a_port()
    {
        await using EchoServer more = EchoServer.Start(Lab.Server, 9090);
        await Lab.Apply(PolicyLab.Policy("no-8080", "{action: DENY, rules: [{to: [{operation: {ports: [\"8080\"]}}]}]}"));

        Assert.Equal("", await Lab.Reached());
        Assert.NotNull(await EchoServer.Greeting(Lab.Client, Lab.Server.IPv4, 9090));
        Assert.NotNull(await EchoServer.Greeting(Lab.Stranger, Lab.Server.IPv4, 9090));
    }

    [Fact]
    public async Task A_deny_rule_about_requests_still_denies_and_says_that_it_denies_more()
    {
        await Lab.Apply(PolicyLab.Policy("no-deletes", $"{{{Web}, action: DENY, rules: [{{from: [{{source: {{namespaces: [partner]}}}}], to: [{{operation: {{methods: [DELETE]}}}}]}}]}}"));

        Assert.Equal("client stranger neighbour", await Lab.Reached());
        JsonElement policy = Assert.Single(await Lab.Policies());
        Assert.True(policy.GetProperty("accepted").GetBoolean());
        Assert.Equal("Partial", policy.GetProperty("onConnections").GetString());
        Assert.Equal("methods", Assert.Single(policy.GetProperty("droppedAttributes").EnumerateArray()).GetString());
        Assert.Equal(1, policy.GetProperty("workloads").GetInt32());
    }

    [Fact]
    public async Task An_allow_rule_about_requests_allows_nobody()
    {
        await Lab.Apply(PolicyLab.Policy("only-gets", $"{{{Web}, action: ALLOW, rules: [{{to: [{{operation: {{methods: [GET]}}}}]}}]}}"));

        Assert.Equal("", await Lab.Reached());
    }

    [Fact]
    public async Task A_dry_run_policy_lets_everybody_in_and_counts_and_logs_whom_it_would_not()
    {
        await Lab.Apply(PolicyLab.Policy(
            "tried-out", "{action: DENY, rules: [{from: [{source: {namespaces: [partner]}}]}]}", "{istio.io/dry-run: \"true\"}"));

        Assert.Equal("client visitor stranger neighbour", await Lab.Reached());
        await Lab.Mesh.Line("dry run: default/tried-out would have refused", "spiffe://cluster.local/ns/partner/sa/visitor");
        JsonElement policy = Assert.Single(await Lab.Policies());
        Assert.True(policy.GetProperty("dryRun").GetBoolean());
        Assert.Equal((3, 1), (policy.GetProperty("observed").GetProperty("wouldAllow").GetInt64(), policy.GetProperty("observed").GetProperty("wouldDeny").GetInt64()));
    }

    [Fact]
    public async Task A_refused_tunnel_is_answered_403_and_others_of_its_connection_go_on()
    {
        using PodListener listener = PodListener.Start(Lab.Server);
        await Lab.Apply(PolicyLab.Policy("only-echo-closed", "{action: DENY, rules: [{to: [{operation: {ports: [\"8080\"]}}]}]}"));
        using X509Certificate2 certificate = await Certificates.Issue(Lab.Mesh.Authority, "spiffe://cluster.local/ns/default/sa/client");
        await using TunnelPeer peer = await TunnelPeer.Connect(Lab.Stranger, Lab.Server.IPv4, certificate);

        Assert.Equal(403, await peer.Open($"{Lab.Server.IPv4}:{EchoServer.Port}"));
        Assert.Equal(200, await peer.Open($"{Lab.Server.IPv4}:{listener.Port}"));
    }

    [Fact]
    public async Task An_edit_cuts_the_open_connections_it_would_not_let_in_and_no_others()
    {
        using EchoClient tunnelled = await EchoServer.Connect(Lab.Client, Lab.Server.IPv4);
        using EchoClient local = await EchoServer.Connect(Lab.Neighbour, Lab.Server.IPv6);
        using EchoClient visiting = await EchoServer.Connect(Lab.Visitor, Lab.Server.IPv6);
        using EchoClient plain = await EchoServer.Connect(Lab.Stranger, Lab.Server.IPv4);

        await Lab.Apply(PolicyLab.Policy("no-defaults", "{action: DENY, rules: [{from: [{source: {namespaces: [default]}}]}]}"));
        await Task.WhenAll(tunnelled.UntilOver(), local.UntilOver());

        Assert.Equal("still", await visiting.Echo("still"));
        Assert.Equal("still", await plain.Echo("still"));
        await Lab.Mesh.AccessLine("direction=\"inbound\"", "src.workload=\"client\"", "error=\"DeniedByPolicy: connection closed due to policy change: explicitly denied by: default/no-defaults\"");
        await Lab.Mesh.AccessLine("direction=\"inbound\"", "src.workload=\"neighbour\"", "policy change", "default/no-defaults");

        await Lab.Apply(PolicyLab.PeerAuthentication("now-strict", "{mtls: {mode: STRICT}}"));
        await plain.UntilOver();
        Assert.Equal("still", await visiting.Echo("still"));
        await visiting.Close();
        await Lab.Mesh.AccessLine("direction=\"inbound\"", "src.workload=\"stranger\"", "error=\"PlaintextRefused: connection closed due to policy change");
    }

    [Fact]
    public async Task Labels_that_bring_a_pod_under_a_policy_cut_its_open_connections()
    {
        await Lab.Apply(PolicyLab.Policy("no-one-to-locked", "{selector: {matchLabels: {locked: yes-it-is}}}"));
        using EchoClient open = await EchoServer.Connect(Lab.Client, Lab.Server.IPv4);
        Assert.Equal("open", await open.Echo("open"));

        Lab.Label("{app: server, locked: yes-it-is}");
        await open.UntilOver();
        Assert.Equal("", await Lab.Reached());

        Lab.Label("{app: server}");
        await MeshLab.Eventually("the server to be reached again", async () => await Lab.Reached() == "client visitor stranger neighbour");
    }

    [Fact]
    public async Task An_edit_with_a_mistake_leaves_what_was_there_in_force_and_says_so()
    {
        string good = PolicyLab.Policy("careful", "{action: DENY, rules: [{from: [{source: {namespaces: [partner]}}]}]}");
        await Lab.Apply(good);

        Lab.Write(good.Replace("namespaces: [partner]", "namespaces: partner", StringComparison.Ordinal));
        await Lab.Mesh.Line("policies.yaml:4: AuthorizationPolicy default/careful: spec.rules[0].from[0].source.namespaces: expected a list, got");
        await MeshLab.Eventually("the mistake to show", async () => !Assert.Single(await Lab.Policies()).GetProperty("accepted").GetBoolean());

        Assert.Equal("client stranger neighbour", await Lab.Reached());
    }

    [Fact]
    public async Task A_policy_that_came_with_a_mistake_lets_nobody_in_until_it_is_mended()
    {
        Lab.Write(PolicyLab.Policy("new", "{action: DENY, rules: [{from: [{source: {namespaces: partner}}]}]}"));
        await MeshLab.Eventually("nobody to be let in", async () => await Lab.Reached() == "");
        Assert.False(Assert.Single(await Lab.Policies()).GetProperty("accepted").GetBoolean());

        Lab.Write(PolicyLab.Policy("new", "{action: DENY, rules: [{from: [{source: {namespaces: [partner]}}]}]}"));
        await MeshLab.Eventually("all but the visitor to be let in", async () => await Lab.Reached() == "client stranger neighbour");
    }

    [Fact]
    public async Task Open_connections_may_be_left_alone()
    {
        await using PolicyLab lab = await PolicyLab.Start(options => options with { Proxy = options.Proxy with { PolicyCutsOpenConnections = false } });
        using EchoClient open = await EchoServer.Connect(lab.Client, lab.Server.IPv4);

        await lab.Apply(PolicyLab.Policy("nobody", "{}"));

        Assert.Equal("", await lab.Reached());
        Assert.Equal("still", await open.Echo("still"));
        await open.Close();
    }

    /// <summary>The lab of all tests here; each begins without policies.</summary>
    public sealed class SharedLab : IAsyncLifetime
    {
        private PolicyLab? _lab;

        internal PolicyLab Lab => _lab!;

        public async ValueTask InitializeAsync() => _lab = await PolicyLab.Start();

        public async ValueTask DisposeAsync()
        {
            if (_lab is not null)
                await _lab.DisposeAsync();
        }
    }
}

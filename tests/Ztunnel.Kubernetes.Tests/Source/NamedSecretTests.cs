using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Source;

/// <summary>Which Secrets a source reads: those that Gateways name, and nothing of any other.</summary>
public sealed class NamedSecretTests
{
    private static readonly ApiUser Reader = new("reader", "reader-token");

    // The right to a few by name is all that it has.
    private const string Rights = """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: reader}
        rules: [{apiGroups: ["", discovery.k8s.io, security.istio.io, networking.istio.io, telemetry.istio.io, gateway.networking.k8s.io], resources: [namespaces, nodes, pods, services, endpointslices, authorizationpolicies, peerauthentications, requestauthentications, telemetries, destinationrules, serviceentries, workloadentries, gatewayclasses, gateways, grpcroutes, httproutes, referencegrants, tcproutes, tlsroutes], verbs: [list, watch]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: reader}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
        subjects: [{kind: User, name: reader}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: secrets}
        rules: [{apiGroups: [""], resources: [secrets], resourceNames: [mine, next, client], verbs: [get, list, watch]}]
        ---
        apiVersion: rbac.authorization.k8s.io/v1
        kind: RoleBinding
        metadata: {name: secrets, namespace: web}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secrets}
        subjects: [{kind: User, name: reader}]
        """;

    private const string Secrets = """
        {apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: web}, data: {}}
        ---
        {apiVersion: v1, kind: Secret, metadata: {name: next, namespace: web}, data: {}}
        ---
        {apiVersion: v1, kind: Secret, metadata: {name: client, namespace: web}, data: {}}
        ---
        {apiVersion: v1, kind: Secret, metadata: {name: private, namespace: web}, data: {}}
        ---
        {apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: other}, data: {}}
        """;

    private const string Rule = """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: rule, namespace: web}
        spec: {host: a.example.com, trafficPolicy: {tls: {mode: MUTUAL, credentialName: client}}}
        """;

    private const string Grant = """
        apiVersion: gateway.networking.k8s.io/v1beta1
        kind: ReferenceGrant
        metadata: {name: grant, namespace: other}
        spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: web}], to: [{group: "", kind: Secret}]}
        """;

    [Theory]
    [InlineData(MeshRole.Gateway, "Secret web/client Secret web/mine")]
    [InlineData(MeshRole.Controller, "Secret web/mine")]
    public async Task The_right_to_read_them_by_name_is_enough(MeshRole role, string expected)
    {
        await using ApiServer server = await Start();
        server.Put(Rule);
        server.Put(Gateway("gw", "mine"));
        await using var run = new SourceRun(server, new KubernetesSourceOptions { Role = role }, Reader);
        await run.IsSynced();
        Assert.Null(run.Fault);
        Assert.Equal(expected, Read(run));
        Assert.Empty(run.Problems);
        Assert.Equal(expected.Split(' ').Length / 2, server.Counters.Watches("secrets"));

        server.Put("{apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: web}, data: {tls.crt: YQ==}}");
        await Eventually.Holds(() => run.Find<SecretObject>(ObjectKind.Secret, "web", "mine")!.CertificatePem is not null);
        server.Objects.Delete("v1", "Secret", "web", "mine");
        await Eventually.Holds(() => !Read(run).Contains("mine", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Of_other_Gateways_a_gateway_reads_none()
    {
        await using ApiServer server = await Start();
        server.Put(Gateway("gw", "mine"));
        server.Put(Gateway("another", "next"));
        await using var run = new SourceRun(server, SourceRun.Gateway, Reader);
        await run.IsSynced();
        Assert.Equal("Secret web/mine", Read(run));
    }

    [Fact]
    public async Task A_gateway_that_is_run_by_hand_reads_those_of_all_that_say_where_they_are()
    {
        await using ApiServer server = await Start();
        server.Put(Gateway("web", "mine").Replace("listeners", "addresses: [{type: Hostname, value: front.web.svc.cluster.local}], listeners", StringComparison.Ordinal));
        server.Put(Gateway("another", "next"));
        await using var run = new SourceRun(server, SourceRun.Gateway, Reader);
        await run.IsSynced();
        Assert.Equal("Secret web/mine", Read(run));

        // One of its own name, for which it may have been made, is all that it serves.
        server.Put(Gateway("gw", "client"));
        await Eventually.Holds(() => Read(run) == "Secret web/client");
    }

    [Fact]
    public async Task One_that_is_named_anew_is_told_before_the_Gateway_and_the_former_taken_back_after_it()
    {
        await using ApiServer server = await Start();
        server.Put(Gateway("gw", "mine"));
        await using var run = new SourceRun(server, SourceRun.Gateway, Reader);
        await run.IsSynced();
        run.Told.Clear();
        server.Put(Gateway("gw", "next"));
        await Eventually.Holds(() => run.Told.Contains("- Secret web/mine", StringComparer.Ordinal));
        Assert.Equal(["+ Secret web/next", "+ Gateway web/gw", "- Secret web/mine"], run.Told, StringComparer.Ordinal);
        Assert.Equal("Secret web/next", Read(run));
        await Eventually.Holds(() => run.Report("kubernetes/secrets/web/mine") is { Exists: false });

        server.Objects.Delete("gateway.networking.k8s.io/v1", "Gateway", "web", "gw");
        await Eventually.Holds(() => Read(run).Length == 0);
    }

    [Fact]
    public async Task One_that_may_not_be_read_holds_its_Gateway_up_for_a_few_seconds_only()
    {
        await using ApiServer server = await Start();
        await using var run = new SourceRun(server, SourceRun.Gateway, Reader);
        await run.IsSynced();
        server.Put(Gateway("gw", "private"));
        await Eventually.Holds(() => run.Names.Contains("Gateway web/gw", StringComparer.Ordinal));
        Assert.Contains("may not be read", Assert.Single(run.Report("kubernetes/secrets/web/private")!.Problems).Message, StringComparison.Ordinal);

        // The right may come later than what it is for.
        server.Put(Rights.Replace("[mine, next, client]", "[private]", StringComparison.Ordinal));
        await Eventually.Holds(() => Read(run) == "Secret web/private");
        await Eventually.Holds(() => !run.Problems.Any());
    }

    [Theory]
    [InlineData(MeshRole.Controller, 403, false)]
    [InlineData(MeshRole.Controller, 500, true)]
    [InlineData(MeshRole.Gateway, 403, true)]
    public async Task A_refusal_is_an_answer_for_who_may_not_expect_the_right_to_come(MeshRole role, int code, bool holds)
    {
        await using ApiServer server = await ApiServer.Start();
        // Its clock stands still, so nothing is held only for a while.
        await using var run = new SourceRun(server, new KubernetesSourceOptions { Role = role }, time: new ManualTime());
        await run.IsSynced();
        using IDisposable fault = server.Faults.Fail(code, request => request.Resource == "secrets");
        server.Put(Gateway("gw", "mine"));
        await Eventually.Holds(() => server.Counters.Requests(resource: "secrets") > 0);
        if (!holds)
        {
            await Eventually.Holds(() => run.Names.Contains("Gateway web/gw", StringComparer.Ordinal));
            return;
        }

        // Nothing else waits behind it: not what else needs a Secret, nor what is gone.
        server.Put(Rule);
        server.Put(Grant);
        await Eventually.Holds(() => run.Names.Contains("ReferenceGrant other/grant", StringComparer.Ordinal) && run.Names.Contains("DestinationRule web/rule", StringComparer.Ordinal));
        server.Objects.Delete("networking.istio.io/v1", "DestinationRule", "web", "rule");
        await Eventually.Holds(() => !run.Names.Contains("DestinationRule web/rule", StringComparer.Ordinal));
        Assert.DoesNotContain("Gateway web/gw", run.Names, StringComparer.Ordinal);
    }

    [Fact]
    public async Task Those_that_come_one_upon_another_are_held_no_longer_than_one()
    {
        var time = new ManualTime();
        await using ApiServer server = await ApiServer.Start();
        await using var run = new SourceRun(server, new KubernetesSourceOptions { Role = MeshRole.Controller }, time: time);
        await run.IsSynced();
        using IDisposable fault = server.Faults.Fail(500, request => request.Resource == "secrets");
        for (int each = 0; each < 20; each++)
            server.Put(Gateway($"gw-{each}", $"secret-{each}"));
        int Told() => run.Names.Count(name => name.StartsWith("Gateway web/", StringComparison.Ordinal));
        DateTimeOffset began = time.GetUtcNow();
        for (var limit = Task.Delay(Eventually.Deadline); Told() < 20 && !limit.IsCompleted; await Task.Delay(20))
            time.Advance(TimeSpan.FromMilliseconds(500));
        // Each by itself would take five seconds.
        Assert.InRange(time.GetUtcNow() - began, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(40));
    }

    [Fact]
    public async Task In_another_namespace_one_is_read_as_long_as_it_is_granted()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Secrets);
        server.Put(Gateway("gw", "mine, namespace: other"));
        await using var run = new SourceRun(server, SourceRun.Gateway);
        await run.IsSynced();
        Assert.Equal("", Read(run));
        server.Put(Grant);
        await Eventually.Holds(() => Read(run) == "Secret other/mine");
        server.Objects.Delete("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "other", "grant");
        await Eventually.Holds(() => Read(run).Length == 0);
    }

    [Fact]
    public async Task However_many_there_are_nothing_else_waits_behind_them()
    {
        await using ApiServer server = await ApiServer.Start();
        for (int each = 0; each < 300; each++)
            server.Put(Gateway($"gw-{each}", $"secret-{each}"));
        // As good as no more after the first two hundred.
        var scarce = new ApiClientOptions { RequestsPerSecond = 0.0001, Burst = 200 };
        await using var run = new SourceRun(server, new KubernetesSourceOptions { Role = MeshRole.Controller }, asking: scarce);
        await Eventually.Holds(() => server.Counters.Watches("secrets") >= 100);

        // The other collections took less than half, so as much is left for what else there is to do.
        for (int asked = 0; asked < 100; asked++)
            await run.Client.Get(ApiResource.Namespaces.All(), TestContext.Current.CancellationToken).WaitAsync(Eventually.Deadline, TestContext.Current.CancellationToken);
    }

    private static async Task<ApiServer> Start()
    {
        ApiServer server = await ApiServer.Start(new ApiServerOptions { Rbac = true, Users = [Reader] });
        server.Put(Rights);
        server.Put(Secrets);
        return server;
    }

    private static string Read(SourceRun run) => string.Join(' ', run.Names.Where(name => name.StartsWith("Secret", StringComparison.Ordinal)));

    private static string Gateway(string name, string secret) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: {{name}}, namespace: web}
        spec: {gatewayClassName: istio, listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: {{secret}} }] } }] }
        """;
}

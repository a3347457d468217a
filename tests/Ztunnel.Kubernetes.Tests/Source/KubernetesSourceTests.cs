using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Source;

public sealed class KubernetesSourceTests
{
    private const string Policies = "kubernetes/authorizationpolicies.security.istio.io";

    private const string Policy = """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: deny, namespace: default}
        spec: {action: DENY, rules: [{to: [{operation: {ports: ["80"]}}]}]}
        """;

    [Fact]
    public async Task A_node_knows_its_own_pods_in_full_and_others_by_their_metadata()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("own", "node-a", "10.0.1.1"));
        server.Put(Pod("captured", "node-b", "10.0.2.1", "ambient.istio.io/redirection: enabled, ztunnel.io/service-account: baker"));
        server.Put(Pod("bare", "node-b", "10.0.2.2"));
        server.Put(Pod("gateway", "node-b", "10.0.2.3", "ztunnel.io/service-account: gw", "gateway.networking.k8s.io/gateway-name: gw"));
        server.Put(Policy);
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        Assert.Null(run.Fault);
        Assert.Equal(
            ["AuthorizationPolicy default/deny", "Pod default/bare", "Pod default/captured", "Pod default/gateway", "Pod default/own"],
            run.Names.Where(name => !name.StartsWith("Namespace", StringComparison.Ordinal)),
            StringComparer.Ordinal);
        Assert.Equal(("node-a", "baker", "main"), (run.Pod("own")!.NodeName, run.Pod("own")!.ServiceAccount, run.Pod("own")!.Containers[0].Name));
        // A slice may name it; no address is its own.
        Assert.Equal((true, false), (run.Pod("bare")!.HostNetwork, run.Pod("bare")!.IsRedirected));
        PodObject captured = run.Pod("captured")!;
        Assert.Equal(
            ("node-b", "baker", "10.0.2.1", true, true), (captured.NodeName, captured.ServiceAccount, captured.Addresses.Single().ToString(), captured.Ready, captured.IsRedirected));
        Assert.NotNull(captured.Metadata.Uid);
        Assert.Empty(run.Problems);
        Assert.Equal(0, server.Counters.Requests("list", "secrets") + server.Counters.Requests("watch", "secrets"));
    }

    [Fact]
    public async Task A_pod_that_is_captured_later_or_no_longer_is_told_as_such()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("web", "node-b", "10.0.2.1"));
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        Assert.False(run.Pod("web")!.IsRedirected);
        server.Put(Pod("web", "node-b", "10.0.2.1", "ambient.istio.io/redirection: enabled"));
        await Eventually.Holds(() => run.Pod("web") is { IsRedirected: true, HostNetwork: false });
        await Eventually.Holds(() => run.Problems.Any(problem => problem.IsRemark && problem.Message.StartsWith("1 pods that are captured do not say", StringComparison.Ordinal)));
        server.Put(Pod("web", "node-b", "10.0.2.1"));
        await Eventually.Holds(() => run.Pod("web") is { IsRedirected: false, HostNetwork: true });
        await Eventually.Holds(() => !run.Problems.Any());
    }

    [Fact]
    public async Task A_pod_that_is_scheduled_to_the_node_goes_over_to_its_own()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("web", "", "", "ambient.istio.io/redirection: enabled"));
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        for (int round = 0; round < 5; round++)
        {
            server.Objects.Delete("v1", "Pod", "default", "web");
            server.Put(Pod("web", "", "", "ambient.istio.io/redirection: enabled"));
            server.Put(Pod("web", "node-a", "10.0.1.1"));
            await Eventually.Holds(() => run.Pod("web") is { NodeName: "node-a", Ready: true, IsRedirected: false });
            server.Objects.Delete("v1", "Pod", "default", "web");
            server.Put(Pod("web", "node-b", "10.0.2.1", "ambient.istio.io/redirection: enabled"));
            await Eventually.Holds(() => run.Pod("web") is { NodeName: "node-b", IsRedirected: true });
        }
    }

    [Fact]
    public async Task With_full_pods_all_are_read_in_full()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("web", "node-b", "10.0.2.1"));
        await using var run = new SourceRun(server, SourceRun.Node with { FullPods = true });
        await run.IsSynced();
        Assert.Equal("baker", run.Pod("web")!.ServiceAccount);
    }

    [Fact]
    public async Task A_gateway_knows_routes_in_whichever_version_they_are_served_and_its_own_secrets()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put("""
            apiVersion: gateway.networking.k8s.io/v1alpha2
            kind: TLSRoute
            metadata: {name: tls, namespace: web}
            spec: {rules: [{backendRefs: [{name: a, port: 443}]}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1beta1
            kind: ReferenceGrant
            metadata: {name: grant, namespace: web}
            spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: a}], to: [{group: "", kind: Service}]}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: web}
            spec: {gatewayClassName: istio, listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: mine}]}}]}
            ---
            {apiVersion: v1, kind: Secret, metadata: {name: mine, namespace: web}, data: {}}
            ---
            {apiVersion: v1, kind: Secret, metadata: {name: theirs, namespace: web}, data: {}}
            """);
        await using var run = new SourceRun(server, SourceRun.Gateway);
        await run.IsSynced();
        Assert.Null(run.Fault);
        Assert.Equal(
            ["Gateway web/gw", "ReferenceGrant web/grant", "Secret web/mine", "TLSRoute web/tls"],
            run.Names.Where(name => !name.StartsWith("Namespace", StringComparison.Ordinal)),
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_gateway_finds_itself_although_nothing_captures_it()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("edge", "node-b", "10.0.2.1"));
        server.Put(Pod("web", "node-b", "10.0.2.2"));
        await using var run = new SourceRun(server, SourceRun.Gateway with { Pod = ("default", "edge") });
        await run.IsSynced();
        Assert.Equal("baker", run.Pod("edge")!.ServiceAccount);
        Assert.True(run.Pod("web")!.HostNetwork);
        server.Put(Pod("edge", "node-b", "10.0.2.1", "ambient.istio.io/redirection: enabled"));
        await Eventually.Holds(() => run.Pod("edge") is { IsRedirected: true });
        Assert.Equal("baker", run.Pod("edge")!.ServiceAccount);
        server.Objects.Delete("v1", "Pod", "default", "edge");
        await Eventually.Holds(() => run.Pod("edge") is null);
    }

    [Fact]
    public async Task The_controller_knows_all_pods_and_every_kind()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Pod("web", "node-b", "10.0.2.2"));
        await using var run = new SourceRun(server, new KubernetesSourceOptions { Role = MeshRole.Controller });
        await run.IsSynced();
        Assert.Null(run.Fault);
        Assert.Equal("baker", run.Pod("web")!.ServiceAccount);
        // Each kind, but Secrets, of which none is needed.
        Assert.Equal(ObjectJson.Kinds.Length - 1, run.Reports.Count);
    }

    [Fact]
    public async Task Kinds_that_are_not_installed_are_waited_for()
    {
        await using ApiServer server = await ApiServer.Start(new ApiServerOptions { Crds = InstalledCrds.None });
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        ResourceProblem problem = Assert.Single(run.Report(Policies)!.Problems);
        Assert.True(problem.IsRemark);
        Assert.Contains("it is waited for", problem.Message, StringComparison.Ordinal);
        server.Install(InstalledCrds.All);
        server.Put(Policy);
        await Eventually.Holds(() => run.Names.Contains("AuthorizationPolicy default/deny", StringComparer.Ordinal));
        await Eventually.Holds(() => !run.Problems.Any());
    }

    [Fact]
    public async Task An_agent_that_may_not_read_policies_is_not_synced_and_says_why()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Policy);
        IDisposable fault = server.Faults.Fail(403, request => request.Resource == "authorizationpolicies.security.istio.io");
        await using var run = new SourceRun(server, SourceRun.Node);
        await Eventually.Holds(() => run.Report(Policies) is not null && run.Reports.Count(report => report.Problems.IsEmpty) == 11);
        ResourceProblem problem = Assert.Single(run.Report(Policies)!.Problems);
        Assert.False(problem.IsRemark);
        Assert.Contains("this agent does not become ready", problem.Message, StringComparison.Ordinal);
        Assert.False(run.Synced);
        fault.Dispose();
        await run.IsSynced();
        Assert.Contains("AuthorizationPolicy default/deny", run.Names, StringComparer.Ordinal);
    }

    [Fact]
    public async Task Policies_that_are_forbidden_when_they_come_or_later_keep_the_agent_from_serving_until_they_may_be_read()
    {
        await using ApiServer server = await ApiServer.Start(new ApiServerOptions { Crds = InstalledCrds.None });
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        Assert.False(Assert.Single(run.Report(Policies)!.Problems).KeepsFromServing);
        IDisposable fault = Forbid();
        server.Install(InstalledCrds.All);
        await Eventually.Holds(() => IsBarred("is not ready any more"));
        IDisposable failure = server.Faults.Fail(503);
        fault.Dispose();
        await Eventually.Holds(() => run.Report(Policies)!.Problems is [{ Message: var message }] && message.Contains("503", StringComparison.Ordinal));
        Assert.True(IsBarred("is not ready any more"));
        failure.Dispose();
        await Eventually.Holds(() => run.Report(Policies)!.Problems.IsEmpty);

        using (Forbid())
        {
            server.Faults.DropWatches(abruptly: true);
            await Eventually.Holds(() => IsBarred("is not ready any more"));
        }

        await Eventually.Holds(() => run.Report(Policies)!.Problems.IsEmpty);

        IDisposable Forbid() => server.Faults.Fail(403, request => request.Resource == "authorizationpolicies.security.istio.io");
        bool IsBarred(string how) => run.Report(Policies)!.Problems is [{ KeepsFromServing: true } problem] && problem.Message.Contains(how, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_agent_that_may_not_read_secrets_goes_without()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put("""
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: gw, namespace: web}
            spec: {gatewayClassName: istio, listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: mine}]}}]}
            """);
        using IDisposable fault = server.Faults.Fail(403, request => request.Resource == "secrets");
        await using var run = new SourceRun(server, SourceRun.Gateway);
        await run.IsSynced();
        Assert.Contains("may not be read", Assert.Single(run.Report("kubernetes/secrets/web/mine")!.Problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_object_with_a_mistake_stays_as_it_was_and_is_named()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Policy);
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        server.Put(Policy.Replace("ports:", "prts:", StringComparison.Ordinal));
        await Eventually.Holds(() => !run.Report(Policies)!.Problems.IsEmpty);
        Assert.StartsWith(
            "kubernetes/authorizationpolicies.security.istio.io: AuthorizationPolicy default/deny: spec.rules[0].to[0].operation",
            run.Report(Policies)!.Problems[0].ToString(),
            StringComparison.Ordinal);
        Assert.Equal("deny", Assert.Single(run.Report(Policies)!.Kept).Name);
        Assert.False(run.Find<AuthorizationPolicyObject>(ObjectKind.AuthorizationPolicy, "default", "deny")!.StandsIn);

        server.Put(Policy.Replace("\"80\"", "\"81\"", StringComparison.Ordinal));
        await Eventually.Holds(() => run.Report(Policies)!.Problems.IsEmpty);
        server.Put(Policy.Replace("name: deny", "name: other", StringComparison.Ordinal).Replace("DENY", "ALOW", StringComparison.Ordinal));
        await Eventually.Holds(() => run.Find<AuthorizationPolicyObject>(ObjectKind.AuthorizationPolicy, "default", "other") is { StandsIn: true });
        server.Objects.Delete("security.istio.io/v1", "AuthorizationPolicy", "default", "other");
        await Eventually.Holds(() => run.Report(Policies)!.Problems.IsEmpty && run.Names.All(name => !name.EndsWith("other", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_server_that_is_lost_is_shown_and_what_was_read_stays()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Policy);
        await using var run = new SourceRun(server, SourceRun.Node);
        await run.IsSynced();
        IDisposable fault = server.Faults.Fail(503);
        server.Faults.DropWatches(abruptly: true);
        await Eventually.Holds(() => run.Reports.All(report => report.Problems.Length == 1));
        Assert.Contains("what was read before stays", run.Report(Policies)!.Problems[0].Message, StringComparison.Ordinal);
        Assert.Contains("AuthorizationPolicy default/deny", run.Names, StringComparer.Ordinal);
        server.Objects.Delete("security.istio.io/v1", "AuthorizationPolicy", "default", "deny");
        fault.Dispose();
        await Eventually.Holds(() => !run.Problems.Any() && !run.Names.Contains("AuthorizationPolicy default/deny", StringComparer.Ordinal));
    }

    /// <summary>Whatever goes wrong and however long, in the end the source says what the server says.</summary>
    [Theory]
    [InlineData(1, true)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, false)]
    public async Task Nothing_is_lost_in_interruptions(int seed, bool streaming)
    {
        var random = new Random(seed);
        await using ApiServer server = await ApiServer.Start(new ApiServerOptions { StreamingLists = streaming });
        await using var run = new SourceRun(server, SourceRun.Node with { Watching = new ResourceWatchOptions { PageSize = 7 } });
        for (int step = 0; step < 300; step++)
        {
            string name = $"p{random.Next(40)}";
            if (random.Next(3) == 0)
            {
                server.Objects.Delete("v1", "Pod", "default", name);
                server.Objects.Delete("v1", "Service", "default", name);
            }
            else
            {
                server.Put(Pod(name, random.Next(2) == 0 ? "node-a" : "node-b", $"10.0.{step / 200}.{(step % 200) + 1}", random.Next(2) == 0 ? "ambient.istio.io/redirection: enabled" : ""));
                server.Put($"{{apiVersion: v1, kind: Service, metadata: {{name: {name}, labels: {{step: s{step}}}}}, spec: {{ports: [{{port: 80}}]}}}}");
            }

            switch (random.Next(12))
            {
                case 0:
                    server.Faults.DropWatches(abruptly: random.Next(2) == 0);
                    break;
                case 1:
                    server.Faults.Compact();
                    break;
                case 2:
                    int status = new[] { 429, 500, 503, 504 }[random.Next(4)];
                    server.Faults.Fail(status, request => request.Verb is "list" or "watch", times: random.Next(1, 10), retryAfter: TimeSpan.Zero);
                    break;
                case 3:
                    await Task.Delay(random.Next(5), TestContext.Current.CancellationToken);
                    break;
            }
        }

        await run.IsSynced();
        await Eventually.Holds(() => run.Fault is not null || (Services(run).SequenceEqual(ServicesOf(server), StringComparer.Ordinal) && Pods(run).SequenceEqual(PodsOf(server), StringComparer.Ordinal)));
        Assert.Null(run.Fault);
        Assert.NotEmpty(PodsOf(server));

        static IEnumerable<string> Services(SourceRun run) =>
            run.Objects.OfType<ServiceObject>().Select(service => $"{service.Metadata.Name} {service.Metadata.Labels["step"]}").Order(StringComparer.Ordinal);

        static IEnumerable<string> ServicesOf(ApiServer server) =>
            server.Objects.List("v1", "Service").Select(service => $"{service["metadata"]!["name"]} {service["metadata"]!["labels"]!["step"]}").Order(StringComparer.Ordinal);

        static IEnumerable<string> Pods(SourceRun run) =>
            run.Objects.OfType<PodObject>().Select(pod => $"{pod.Metadata.Uid} {pod.NodeName} {pod.Addresses[0]} {pod.IsRedirected}").Order(StringComparer.Ordinal);

        static IEnumerable<string> PodsOf(ApiServer server) => server.Objects.List("v1", "Pod")
            .Select(pod => (Pod: pod, Redirected: (string?)pod["metadata"]!["annotations"]?["ambient.istio.io/redirection"] == "enabled"))
            .Select(entry => $"{entry.Pod["metadata"]!["uid"]} {entry.Pod["spec"]!["nodeName"]} {entry.Pod["status"]!["podIP"]} {entry.Redirected}")
            .Order(StringComparer.Ordinal);
    }

    private static string Pod(string name, string node, string address, string annotations = "", string labels = "") => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, namespace: default, annotations: { {{annotations}} }, labels: { {{labels}} } }
        spec: { {{(node.Length == 0 ? "" : $"nodeName: {node}, ")}}serviceAccountName: baker, containers: [{name: main, image: x}] }
        status:
          phase: {{(node.Length == 0 ? "Pending" : "Running")}}
          conditions: [{type: Ready, status: "{{(node.Length == 0 ? "False" : "True")}}"}]
          {{(address.Length == 0 ? "" : $"podIP: {address}\n  podIPs: [{{ip: {address}}}]")}}
          containerStatuses: [{name: main, ready: {{(node.Length == 0 ? "false" : "true")}}, restartCount: 0, image: x, imageID: "", state: {running: {} } }]
        """;
}

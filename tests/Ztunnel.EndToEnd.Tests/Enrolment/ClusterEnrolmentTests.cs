using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

/// <summary>A node's agent whose objects are a cluster's, and what it writes there.</summary>
public sealed class ClusterEnrolmentTests
{
    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: client, namespace: default, annotations: {ztunnel.io/network-namespace: /proc/self/ns/net}}
        spec: {serviceAccountName: client, nodeName: a, containers: [{name: main, image: none}]}
        """;

    [Fact]
    public async Task A_pod_is_captured_before_it_starts_announced_and_told_of_and_taken_back_with_the_label()
    {
        await using ApiServer server = await ApiServer.Start();
        Label(server, "ambient");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);
        string uid = Put(server);

        ProcessResult added = await lab.Call("ADD", uid);

        Assert.True(added.ExitCode == 0, added.Output);
        Assert.Contains("redirect to :15001", (await lab.Client.NetworkNamespace.RunProcess("nft", ["list", "ruleset"])).Output, StringComparison.Ordinal);
        await MeshLab.Eventually("annotations", () => Task.FromResult(Annotation(server, "ambient.istio.io/redirection") == "enabled"));
        Assert.Equal("client", Annotation(server, "ztunnel.io/service-account"));
        await MeshLab.Eventually("an Event", () => Task.FromResult(Reasons(server, uid).Contains("AmbientEnrolled", StringComparer.Ordinal)));
        Assert.DoesNotContain("AmbientRanUncaptured", Reasons(server, uid), StringComparer.Ordinal);

        Label(server, "none");
        await MeshLab.Eventually("annotations to go", () => Task.FromResult(
            Annotation(server, "ambient.istio.io/redirection") is null && Annotation(server, "ztunnel.io/service-account") is null));
        await MeshLab.Eventually("another Event", () => Task.FromResult(Reasons(server, uid).Contains("AmbientReleased", StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_pod_that_the_watch_has_not_brought_is_asked_for()
    {
        await using ApiServer server = await ApiServer.Start();
        Label(server, "ambient");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);

        using IDisposable held = server.Faults.Hold(request => request.Verb is "watch" or "list");
        server.Faults.DropWatches();
        string uid = Put(server);
        ProcessResult added = await lab.Call("ADD", uid);
        Assert.True(added.ExitCode == 0, added.Output);

        // The same name made anew is another pod, and one that is not there is none.
        server.Objects.Delete("v1", "Pod", "default", "client");
        string again = Put(server);
        Assert.NotEqual(uid, again, StringComparer.Ordinal);
        Assert.Equal(11, (int)JsonNode.Parse((await lab.Call("ADD", uid)).Output)!["code"]!);
        Assert.Equal(0, (await lab.Call("DEL", uid)).ExitCode);
        await MeshLab.Eventually("the first to be let go of", () => Task.FromResult(!lab.Mesh.Agent("a").IsEnrolled("default/client")));
        added = await lab.Call("ADD", again);
        Assert.True(added.ExitCode == 0, added.Output);
        Assert.True(lab.Mesh.Agent("a").IsEnrolled("default/client"));
    }

    [Fact]
    public async Task A_pod_whose_namespace_was_labelled_a_moment_before_does_not_start_past_the_mesh()
    {
        await using ApiServer server = await ApiServer.Start();
        Label(server, "none");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);

        string uid;
        Task<ProcessResult> adding;
        using (server.Faults.Hold(request => request is { Verb: "watch" or "list", Resource: "namespaces" }))
        {
            server.Faults.DropWatches();
            Label(server, "ambient");
            uid = Put(server);
            await MeshLab.Eventually("the pod to be known, judged by what its namespace was", () => Task.FromResult(
                lab.Mesh.Agent("a").Mesh.WorkloadByUid(uid) is { Ambient: false }));
            Assert.Equal(11, (int)JsonNode.Parse((await lab.Call("ADD", uid)).Output)!["code"]!);
            adding = lab.Call("ADD", uid);
        }

        ProcessResult added = await adding;
        Assert.True(added.ExitCode == 0, added.Output);
        Assert.True(lab.Mesh.Agent("a").IsEnrolled("default/client"));
    }

    [Fact]
    public async Task While_the_API_is_away_no_pod_starts_that_may_be_in_the_mesh_and_those_of_excluded_namespaces_do()
    {
        await using ApiServer server = await ApiServer.Start();
        Label(server, "none");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);
        string uid = Put(server);
        await MeshLab.Eventually("the pod to be known", () => Task.FromResult(lab.Mesh.Agent("a").Mesh.WorkloadByUid(uid) is not null));
        Assert.Equal(0, (await lab.Call("ADD", uid)).ExitCode);

        using (server.Faults.Fail(503))
        {
            Assert.Equal(11, (int)JsonNode.Parse((await lab.Call("ADD", uid)).Output)!["code"]!);
            Assert.Equal(0, (await lab.Call("ADD", uid, @namespace: "kube-system")).ExitCode);
        }
    }

    [Fact]
    public async Task A_static_pod_whose_runtime_knows_it_by_another_uid_than_the_API_is_captured_before_it_starts()
    {
        const string Hash = "0123456789abcdef0123456789abcdef";
        await using ApiServer server = await ApiServer.Start();
        Label(server, "ambient");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);
        Assert.Equal(11, (int)JsonNode.Parse((await lab.Call("ADD", Hash)).Output)!["code"]!);

        string uid = (string)server.Put(Pod.Replace("annotations: {", $"annotations: {{kubernetes.io/config.hash: {Hash}, kubernetes.io/config.mirror: {Hash}, ", StringComparison.Ordinal))["metadata"]!["uid"]!;
        ProcessResult added = await lab.Call("ADD", Hash);
        Assert.True(added.ExitCode == 0, added.Output);
        await MeshLab.Eventually("the pod to be known", () => Task.FromResult(lab.Mesh.Agent("a").Mesh.WorkloadByUid(uid) is not null));
        Assert.Equal(0, (await lab.Call("CHECK", Hash)).ExitCode);
        Assert.Equal(0, (await lab.Call("ADD", Hash)).ExitCode);
        Assert.True(lab.Mesh.Agent("a").IsEnrolled("default/client"));

        Assert.Equal(0, (await lab.Call("DEL", Hash)).ExitCode);
        await MeshLab.Eventually("the pod to be let go of", () => Task.FromResult(!lab.Mesh.Agent("a").IsEnrolled("default/client")));
    }

    [Fact]
    public async Task An_API_that_refuses_what_is_written_holds_up_no_pod()
    {
        await using ApiServer server = await ApiServer.Start();
        Label(server, "ambient");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await Start(lab, api);
        using (server.Faults.Fail(403, which: request => request.Verb is "patch"))
        {
            string uid = Put(server);
            ProcessResult added = await lab.Call("ADD", uid);
            Assert.True(added.ExitCode == 0, added.Output);
            await lab.Mesh.Line("could not be written on it, trying again");
        }

        await MeshLab.Eventually("annotations", () => Task.FromResult(Annotation(server, "ambient.istio.io/redirection") == "enabled"));
    }

    private static Task Start(PluginLab lab, ApiClient api) => lab.StartAgent(options => options with
    {
        Source = new KubernetesSource(api, new KubernetesSourceOptions { Role = MeshRole.Node, Node = "a" }),
        Api = api,
        Proc = null,
    });

    private static void Label(ApiServer server, string mode) =>
        server.Put($"apiVersion: v1\nkind: Namespace\nmetadata: {{name: default, labels: {{istio.io/dataplane-mode: {mode}}}}}\n");

    private static string Put(ApiServer server) => (string)server.Put(Pod)["metadata"]!["uid"]!;

    private static string? Annotation(ApiServer server, string name) =>
        (string?)server.Objects.Get("v1", "Pod", "default", "client")!["metadata"]!["annotations"]?[name];

    private static string[] Reasons(ApiServer server, string uid) =>
    [
        .. server.Objects.List("events.k8s.io/v1", "Event", "default")
            .Where(told => (string?)told["regarding"]?["uid"] == uid).Select(told => (string)told["reason"]!),
    ];
}

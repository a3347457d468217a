using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

/// <summary>What an agent that ends makes of how its DaemonSet stands: it takes the CNI plugin along only when no other agent will follow.</summary>
public sealed class UninstallationTests
{
    private const string Set = """
        apiVersion: apps/v1
        kind: DaemonSet
        metadata: {name: ztunnel, namespace: mesh, finalizers: [tests/held]}
        spec:
          selector: {matchLabels: {app: ztunnel}}
          template:
            metadata: {labels: {app: ztunnel}}
            spec: {containers: [{name: main, image: none}]}
        """;

    private static readonly DaemonSetName Name = new("mesh", "ztunnel");

    [Theory]
    [InlineData("nothing", false)]
    [InlineData("deleted", true)]
    [InlineData("being deleted", true)]
    [InlineData("namespace being deleted", true)]
    [InlineData("all rights taken", true)]
    [InlineData("its own right taken", false)]
    [InlineData("nobody to the API any more", false)]
    [InlineData("api away", false)]
    public async Task It_is_gone_when_it_is_deleted_or_when_no_right_is_left(string happens, bool gone)
    {
        await using ApiServer server = await ApiServer.Start();
        Install(server, finalizers: happens is not "deleted");
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await using var set = new OwnDaemonSet(api, Name, NullLogger.Instance);
        await Eventually.Holds(() => set.IsKnown);
        Assert.False(await set.IsGone());

        if (happens is "deleted" or "being deleted")
            server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
        else if (happens is "namespace being deleted")
            server.Objects.Delete("v1", "Namespace", "", "mesh");
        using IDisposable? fault = happens switch
        {
            "all rights taken" => server.Faults.Fail(403),
            "its own right taken" => server.Faults.Fail(403, request => request.Resource == "daemonsets.apps"),
            "nobody to the API any more" => server.Faults.Fail(401),
            "api away" => server.Faults.Fail(503),
            _ => null,
        };
        Assert.Equal(gone, await set.IsGone());
    }

    [Theory]
    [InlineData("apps/v1", "DaemonSet", "mesh", "ztunnel", false)]
    [InlineData("apps/v1", "DaemonSet", "mesh", "ztunnel", true)]
    [InlineData("v1", "Namespace", "", "mesh", true)]
    public async Task What_was_seen_of_its_deletion_counts_when_nobody_may_ask_any_more(string version, string kind, string @namespace, string name, bool finalizers)
    {
        await using ApiServer server = await ApiServer.Start();
        Install(server, finalizers);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await using var set = new OwnDaemonSet(api, Name, NullLogger.Instance);
        await Eventually.Holds(() => set.IsKnown);
        using IDisposable fault = server.Faults.Fail(401, request => request.Verb == "get");
        Assert.False(await set.IsGone());

        server.Objects.Delete(version, kind, @namespace, name);
        await MeshLab.Eventually("the deletion to be seen", set.IsGone);
    }

    [Theory]
    [InlineData(404)]
    [InlineData(403)]
    public async Task One_that_was_never_read_says_nothing_by_that_and_is_asked_for_until_it_is(int status)
    {
        await using ApiServer server = await ApiServer.Start();
        Install(server, finalizers: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        var log = new TextLog();
        IDisposable fault = server.Faults.Fail(status);
        await using var set = new OwnDaemonSet(api, Name, log);
        await Eventually.Holds(() => log.At(LogLevel.Warning).Any(line => line.Contains("DaemonSet mesh/ztunnel cannot be read", StringComparison.Ordinal)));
        Assert.False(await set.IsGone());

        fault.Dispose();
        await Eventually.Holds(() => set.IsKnown);
        server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
        Assert.True(await set.IsGone());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_agent_takes_the_plugin_along_when_the_mesh_is_uninstalled_and_leaves_captured_pods_captured(bool uninstalled)
    {
        await using ApiServer server = await ApiServer.Start();
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await using PluginLab lab = await Start(server, api);
        string uid = (string)server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: {name: client, namespace: default}
            spec: {serviceAccountName: client, nodeName: a, containers: [{name: main, image: none}]}
            """)["metadata"]!["uid"]!;
        Assert.Equal(0, (await lab.Call("ADD", uid)).ExitCode);

        if (uninstalled)
            server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
        await lab.Mesh.StopAgent("a");

        Assert.Equal(!uninstalled, lab.IsPluginInstalled);
        Assert.Contains("redirect to :15001", (await lab.Client.NetworkNamespace.RunProcess("nft", ["list", "ruleset"])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_another_agent_is_about_to_take_over_is_not_taken_along()
    {
        await using ApiServer server = await ApiServer.Start();
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await using PluginLab lab = await Start(server, api);
        IDisposable asked = server.Faults.Hold(request => request is { Verb: "get", Resource: "daemonsets.apps" });
        Task draining = lab.Mesh.Agent("a").Drain();
        await Eventually.Holds(() => server.Counters.Requests("get", "daemonsets.apps") > 0);

        await Task.Run(async () =>
        {
            using DescriptorSocket successor = DescriptorSocket.Connect(Path.Combine(lab.RunDirectory, "upgrade.sock"), MeshLab.Patience)!;
            successor.Send("""{"Step":"Take","Version":2,"Node":"a"}"""u8);
            successor.Receive(out IReadOnlyList<SafeFileHandle> sockets);
            foreach (SafeFileHandle socket in sockets)
                socket.Dispose();
            server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
            asked.Dispose();
            await draining;
            Assert.True(lab.IsPluginInstalled);
        });
    }

    /// <summary>A node whose agent follows an API server, with the DaemonSet it is of.</summary>
    private static async Task<PluginLab> Start(ApiServer server, ApiClient api)
    {
        Install(server, finalizers: true);
        server.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio.io/dataplane-mode: ambient}}\n");
        PluginLab lab = await PluginLab.Start(withAgent: false);
        await lab.StartAgent(options => options with
        {
            Source = new KubernetesSource(api, new KubernetesSourceOptions { Role = MeshRole.Node, Node = "a" }),
            Api = api,
            DaemonSet = Name,
            Proc = null,
        });
        return lab;
    }

    private static void Install(ApiServer server, bool finalizers)
    {
        server.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: mesh}\n");
        server.Put(finalizers ? Set : Set.Replace(", finalizers: [tests/held]", "", StringComparison.Ordinal));
    }
}

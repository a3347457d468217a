using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
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
    [InlineData("forbidden", true)]
    [InlineData("unauthorized", true)]
    [InlineData("api away", false)]
    public async Task It_is_gone_when_it_is_deleted_or_may_not_be_read_any_more(string happens, bool gone)
    {
        await using ApiServer server = await ApiServer.Start();
        Install(server, finalizers: happens is not "deleted");
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        var set = new OwnDaemonSet(api, Name, NullLogger.Instance, TestContext.Current.CancellationToken);
        Assert.False(await set.IsGone());

        if (happens is "deleted" or "being deleted")
            server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
        else if (happens is "namespace being deleted")
            server.Objects.Delete("v1", "Namespace", "", "mesh");
        using IDisposable? fault = happens switch
        {
            "forbidden" => server.Faults.Fail(403),
            "unauthorized" => server.Faults.Fail(401),
            "api away" => server.Faults.Fail(503),
            _ => null,
        };
        Assert.Equal(gone, await set.IsGone());
    }

    [Theory]
    [InlineData(404)]
    [InlineData(403)]
    public async Task One_that_could_not_be_read_at_the_start_says_nothing_by_that(int status)
    {
        await using ApiServer server = await ApiServer.Start();
        using IDisposable fault = server.Faults.Fail(status);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        var log = new TextLog();
        var set = new OwnDaemonSet(api, Name, log, TestContext.Current.CancellationToken);
        Assert.False(await set.IsGone());
        Assert.Contains(log.At(LogLevel.Warning), line => line.Contains("DaemonSet mesh/ztunnel cannot be read", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_agent_takes_the_plugin_along_when_the_mesh_is_uninstalled_and_leaves_captured_pods_captured(bool uninstalled)
    {
        await using ApiServer server = await ApiServer.Start();
        Install(server, finalizers: true);
        server.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {istio.io/dataplane-mode: ambient}}\n");
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        using var api = new ApiClient(ApiAccess.Insecure(server.Address));
        await lab.StartAgent(options => options with
        {
            Source = new KubernetesSource(api, new KubernetesSourceOptions { Role = MeshRole.Node, Node = "a" }),
            Api = api,
            DaemonSet = Name,
            Proc = null,
        });
        string uid = (string)server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: {name: client, namespace: default}
            spec: {serviceAccountName: client, nodeName: a, containers: [{name: main, image: none}]}
            """)["metadata"]!["uid"]!;
        Assert.Equal(0, (await lab.Call("ADD", uid)).ExitCode);
        await MeshLab.Eventually("the DaemonSet to be asked for", () => Task.FromResult(server.Counters.Requests("get", "daemonsets.apps") > 0));

        if (uninstalled)
            server.Objects.Delete("apps/v1", "DaemonSet", "mesh", "ztunnel");
        await lab.Mesh.StopAgent("a");

        Assert.Equal(!uninstalled, lab.IsPluginInstalled);
        Assert.Contains("redirect to :15001", (await lab.Client.NetworkNamespace.RunProcess("nft", ["list", "ruleset"])).Output, StringComparison.Ordinal);
    }

    private static void Install(ApiServer server, bool finalizers)
    {
        server.Put("apiVersion: v1\nkind: Namespace\nmetadata: {name: mesh}\n");
        server.Put(finalizers ? Set : Set.Replace(", finalizers: [tests/held]", "", StringComparison.Ordinal));
    }
}

using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Pods on their way into the mesh and out of it, and what comes between.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public async Task A_namespace_that_loses_its_ambient_label_goes_on_in_the_clear_and_is_captured_again_when_it_returns()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod client = mesh.Pod("client");
        using EchoClient open = await EchoServer.Connect(client, mesh.Pod("server").IPv4);
        Assert.True(await Routing(client) != "");

        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, ambient: false));
        await MeshLab.Eventually("the client to leave", () => Task.FromResult(!mesh.Agent("a").IsEnrolled("default/client")));
        Assert.Equal("still there", await open.Echo("still there"));
        await open.Close();
        await UntilNothingIsLeft(client);
        await UntilNothingIsLeft(mesh.Pod("server"));
        int logged = mesh.Lines.Count(IsConnection);
        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, mesh.Pod("server").IPv4));
        Assert.Equal($"server {client.IPv6}", await EchoServer.Greeting(client, mesh.Pod("server").IPv6));
        Assert.Equal(logged, mesh.Lines.Count(IsConnection));

        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, ambient: true));
        await mesh.UntilCaptured(client);
        await mesh.UntilCaptured(mesh.Pod("server"));
        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, mesh.Pod("server").IPv4));
        await MeshLab.Eventually("the connection to be logged by both nodes", () => Task.FromResult(mesh.Lines.Count(IsConnection) == logged + 2));
    }

    [Fact]
    public async Task A_peer_that_is_silent_in_its_handshake_with_one_pod_does_not_keep_another_from_leaving()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client").Pod("server");
                lab.Node("b").Pod("outside", "elsewhere");
            },
            configure: options => options with { DrainTime = TimeSpan.FromMinutes(1), Proxy = options.Proxy with { HandshakeTimeout = TimeSpan.FromMinutes(1) } });
        // One for each loop.
        using Socket silent = await PodSocket.Connect(mesh.Pod("outside"), mesh.Pod("server").IPv4, 15008), another = await PodSocket.Connect(mesh.Pod("outside"), mesh.Pod("server").IPv4, 15008);

        mesh.Manifests.Write("mesh.yaml", Yaml.Join(Yaml.Namespace("default", ambient: true), Yaml.Pod(mesh.Pod("server"))));

        await MeshLab.Eventually("the client to be let go", () => Task.FromResult(mesh.Agent("a").Pods is [{ Workload.Name: "server" }]));
    }

    [Fact]
    public async Task A_half_closed_connection_ends_on_both_nodes_when_its_pod_has_left_and_patience_is_over()
    {
        await using MeshLab mesh = await Start(options => options with { DrainTime = TimeSpan.FromMilliseconds(200) });
        LabPod client = mesh.Pod("client");
        using PodConnection waiting = await PodConnection.Open(client, mesh.Pod("server"));
        await waiting.Exchange();
        waiting.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal(0, await waiting.Server.ReceiveAsync(new byte[1]));

        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, ambient: true, "{app: client, istio.io/dataplane-mode: none}"));

        await mesh.AccessLine("direction=\"outbound\"", $"src.addr={client.IPv4}", "the pod left the mesh");
        await mesh.AccessLine("direction=\"inbound\"", $"src.addr={client.IPv4}", "error=");
        await UntilNothingIsLeft(client);
    }

    [Fact]
    public async Task An_agent_that_is_told_to_release_its_pods_leaves_nothing_in_them()
    {
        await using MeshLab mesh = await Start(options => options with { ReleaseOnExit = true });
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));

        await Task.WhenAll(mesh.StopAgent("a"), mesh.StopAgent("b"));

        Assert.False(await HasTable(mesh.Pod("client")));
        Assert.Equal("", await Routing(mesh.Pod("server")));
        Assert.Equal($"server {mesh.Pod("client").IPv4}", await EchoServer.Greeting(mesh.Pod("client"), mesh.Pod("server").IPv4));
    }

    [Fact]
    public async Task A_pod_whose_own_label_says_none_stays_out_of_an_ambient_namespace()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod client = mesh.Pod("client");
        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, ambient: true, "{app: client, istio.io/dataplane-mode: none}"));

        await UntilNothingIsLeft(client);
        Assert.True(mesh.Agent("b").IsEnrolled("default/server"));
        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, mesh.Pod("server").IPv4));
        string line = await mesh.AccessLine("direction=\"inbound\"", $"src.addr={client.IPv4}");
        Assert.DoesNotContain("src.identity", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rules_that_somebody_flushes_are_put_back_and_capture_again()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod client = mesh.Pod("client");
        ProcessResult flush = await client.Exec("nft", "flush", "ruleset");
        Assert.Equal(0, flush.ExitCode);

        await MeshLab.Eventually("the table to be back", async () => await HasTable(client), TimeSpan.FromSeconds(5));
        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, mesh.Pod("server").IPv4));
        await mesh.AccessLine("direction=\"outbound\"", $"src.addr={client.IPv4}", "src.identity=\"spiffe://cluster.local/ns/default/sa/client\"");
        await MeshLab.Eventually(
            "the repair to show",
            async () => (await NodeDiagnostics.PodState(mesh.Network.Node("a"), "client")).GetProperty("capture").GetProperty("repairs").GetInt32() > 0);
    }

    [Fact]
    public async Task A_pod_without_its_namespace_and_one_with_another_pods_address_fail_alone_and_recover()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabNode node = mesh.Network.Node("a");
        LabPod spare = mesh.Pod("spare");
        string lost = Yaml.Pod(spare).Replace("network-namespace: spare", "network-namespace: nowhere", StringComparison.Ordinal);
        string foreign = Yaml.Pod(spare)
            .Replace("name: spare", "name: foreign", StringComparison.Ordinal)
            .Replace(spare.IPv4.ToString(), "10.244.0.99", StringComparison.Ordinal)
            .Replace(spare.IPv6.ToString(), "fd00:10:244:0::99", StringComparison.Ordinal);
        mesh.Manifests.Write("spare.yaml", Yaml.Join(Yaml.Namespace("other", ambient: true), lost, foreign));

        await MeshLab.Eventually(
            "the lost pod's reason",
            async () => (await NodeDiagnostics.Reason(node, "spare"))?.StartsWith("NamespaceAbsent", StringComparison.Ordinal) == true);
        await MeshLab.Eventually(
            "the foreign pod's reason",
            async () => (await NodeDiagnostics.Reason(node, "foreign")) is { } reason
                && reason.StartsWith("AddressMismatch", StringComparison.Ordinal) && reason.Contains("10.244.0.99", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await NodeDiagnostics.Ready(node)).Status);
        Assert.Equal($"server {mesh.Pod("client").IPv4}", await EchoServer.Greeting(mesh.Pod("client"), mesh.Pod("server").IPv4));
        Assert.False(await HasTable(spare));

        mesh.Manifests.Write("spare.yaml", Yaml.Join(Yaml.Namespace("other", ambient: true), Yaml.Pod(spare)));
        await mesh.UntilCaptured(spare);
    }

    private static Task<MeshLab> Start(Func<NodeAgentOptions, NodeAgentOptions>? configure = null) => MeshLab.Start(
        lab =>
        {
            lab.Node("a").Pod("client").Pod("spare", "other");
            lab.Node("b").Pod("server");
        },
        network => Manifests(network, ambient: true),
        configure);

    private static string Manifests(LabNetwork network, bool ambient, string? clientLabels = null) => Yaml.Join(
        Yaml.Namespace("default", ambient), Yaml.Pod(network.Pod("client"), clientLabels), Yaml.Pod(network.Pod("server")));

    private static bool IsConnection(string line) => line.Contains("direction=", StringComparison.Ordinal);

    private static async Task<bool> HasTable(LabPod pod) => (await pod.Exec("nft", "list", "table", "inet", "ztunnel")).ExitCode == 0;

    /// <summary>The policy routing for replies of both families, as <c>ip</c> shows it: nothing when there is none.</summary>
    private static async Task<string> Routing(LabPod pod)
    {
        string all = "";
        foreach (string family in new[] { "-4", "-6" })
        {
            all += (await pod.Exec("ip", family, "rule", "show", "priority", "32764")).Output;
            all += (await pod.Exec("ip", family, "route", "show", "table", "100")).Output;
        }

        return all.Trim();
    }

    private static Task UntilNothingIsLeft(LabPod pod) => MeshLab.Eventually(
        $"rules and routes of {pod} to be gone", async () => !await HasTable(pod) && await Routing(pod) == "");
}

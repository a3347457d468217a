using System.Net;
using System.Text.Json.Nodes;
using Ztunnel.IO;

namespace Ztunnel.EndToEnd.Tests.Enrolment;

/// <summary>The program as a CNI plugin of a node whose agent runs, with pods that have processes only once the plugin has let them.</summary>
public sealed class PluginTests
{
    [Fact]
    public async Task The_first_connection_of_a_pods_first_process_goes_through_the_mesh()
    {
        await using PluginLab lab = await PluginLab.Start();

        ProcessResult added = await lab.Call("ADD");
        string answer = await lab.Ask();

        Assert.Equal((0, lab.Result), (added.ExitCode, added.Output.Trim()));
        Assert.StartsWith("200", answer, StringComparison.Ordinal);
        await lab.Mesh.AccessLine("direction=\"outbound\"", "src.identity=\"spiffe://cluster.local/ns/default/sa/client\"");

        // The API catches up, and then the pod goes.
        lab.WriteClient(addresses: $"[{{ip: \"{lab.Client.IPv4}\"}}, {{ip: \"{lab.Client.IPv6}\"}}]");
        await MeshLab.Eventually("the address to be known", () => Task.FromResult(lab.Mesh.Agent("a").Mesh.WorkloadByAddress(lab.Client.IPv4) is not null));
        Assert.StartsWith("200", await lab.Ask(), StringComparison.Ordinal);
        Assert.Equal(0, (await lab.Call("CHECK")).ExitCode);
        Assert.Equal(0, (await lab.Call("DEL")).ExitCode);
        await MeshLab.Eventually("the pod to be let go of", () => Task.FromResult(!lab.Mesh.Agent("a").IsEnrolled("default/client")));
    }

    [Fact]
    public async Task While_the_agent_is_away_no_pod_of_the_mesh_starts_and_those_that_run_are_captured_by_the_next()
    {
        await using PluginLab lab = await PluginLab.Start();
        Assert.Equal(0, (await lab.Call("ADD")).ExitCode);
        await lab.Groups.StartPod(lab.Uid, lab.Client.NetworkNamespace.Path);
        lab.WriteClient(addresses: $"[{{ip: \"{lab.Client.IPv4}\"}}]");

        await lab.Mesh.StopAgent("a");
        ProcessResult refused = await lab.Call("ADD");
        Assert.Equal(1, refused.ExitCode);
        Assert.Equal(11, (int)JsonNode.Parse(refused.Output)!["code"]!);
        Assert.Equal(0, (await lab.Call("DEL")).ExitCode);
        Assert.DoesNotContain("200", await lab.Ask(), StringComparison.Ordinal);

        await lab.StartAgent();
        await MeshLab.Eventually("the pod to be captured again", () => Task.FromResult(lab.Mesh.Agent("a").IsEnrolled("default/client")));
        Assert.StartsWith("200", await lab.Ask(), StringComparison.Ordinal);
        Assert.Null(lab.Mesh.Agent("a").Pods.Single().Uncaptured);
    }

    [Fact]
    public async Task After_the_node_started_anew_pods_that_run_uncaptured_are_captured_and_told_of()
    {
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        lab.WriteClient(addresses: $"[{{ip: \"{lab.Client.IPv4}\"}}]");
        await lab.Groups.StartPod(lab.Uid, lab.Client.NetworkNamespace.Path);

        await lab.StartAgent();

        await MeshLab.Eventually("the pod to be captured", () => Task.FromResult(lab.Mesh.Agent("a").IsEnrolled("default/client")));
        Assert.NotNull(lab.Mesh.Agent("a").Pods.Single().Uncaptured);
        await lab.Mesh.Line("default/client ran without being captured from");
        System.Text.Json.JsonElement dump = await NodeDiagnostics.Dump(lab.Mesh.Network.Node("a"));
        Assert.True(dump.GetProperty("workloadState").GetProperty(lab.Uid).GetProperty("capture").TryGetProperty("ranUncaptured", out _));
    }

    [Fact]
    public async Task An_agent_whose_plugin_cannot_be_written_is_not_ready_and_says_why()
    {
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        string inTheWay = Path.GetDirectoryName(lab.Bin)!;
        Directory.CreateDirectory(Path.GetDirectoryName(inTheWay)!);
        await File.WriteAllTextAsync(inTheWay, "");
        await lab.StartAgent(waits: false);

        await MeshLab.Eventually("the reason", async () => (await NodeDiagnostics.Ready(lab.Mesh.Network.Node("a"))).Body.Contains("the CNI plugin cannot be installed", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await NodeDiagnostics.Ready(lab.Mesh.Network.Node("a"))).Status);

        File.Delete(inTheWay);
        await MeshLab.Eventually("the agent to be ready", async () => (await NodeDiagnostics.Ready(lab.Mesh.Network.Node("a"))).Status == HttpStatusCode.OK);
        Assert.True(lab.Mesh.Agent("a").PluginInstalled.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_pod_that_the_agent_hears_of_during_ADD_is_captured()
    {
        await using PluginLab lab = await PluginLab.Start();
        string uid = Guid.NewGuid().ToString();
        Task<ProcessResult> adding = lab.Call("ADD", uid);
        lab.WriteClient(uid);
        ProcessResult added = await adding;
        Assert.True(added.ExitCode == 0, added.Output);
        Assert.StartsWith("200", await lab.Ask(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pods_are_captured_while_the_network_rewrites_its_configuration()
    {
        await using PluginLab lab = await PluginLab.Start();
        using var done = new CancellationTokenSource();
        Task rewriting = Task.Run(async () =>
        {
            for (int time = 0; time < 100 || !done.IsCancellationRequested; time++)
            {
                await File.WriteAllTextAsync(lab.Primary + ".new", PluginLab.PrimaryText(time));
                if (time % 2 == 0)
                    File.Delete(lab.Primary);
                File.Move(lab.Primary + ".new", lab.Primary, overwrite: true);
                await Task.Yield();
            }
        });
        for (int pod = 0; pod < 8; pod++)
        {
            string uid = Guid.NewGuid().ToString();
            lab.WriteClient(uid);
            ProcessResult added = await lab.Call("ADD", uid);
            Assert.True(added.ExitCode == 0, added.Output);
            Assert.StartsWith("200", await lab.Ask(), StringComparison.Ordinal);
            Assert.Equal(0, (await lab.Call("DEL", uid)).ExitCode);
            await MeshLab.Eventually("the pod to be let go of", () => Task.FromResult(!lab.Mesh.Agent("a").IsEnrolled("default/client")));
        }

        await done.CancelAsync();
        await rewriting;
    }

    [Fact]
    public async Task A_namespace_that_is_not_selected_takes_no_part()
    {
        await using PluginLab lab = await PluginLab.Start(withAgent: false);
        lab.Mesh.Manifests.Write("other.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {istio.io/dataplane-mode: ambient, istio-discovery: enabled}}\n");
        await lab.Mesh.StartAgent("a", options => options with { DiscoverySelectors = [LabelSelectorText.Parse("istio-discovery=enabled", out _)!] });

        Assert.Equal(
            Ztunnel.Mesh.Enrolment.NotDiscovered,
            lab.Mesh.Agent("a").Mesh.Workloads.Single(pod => pod.Name == "server").Enrolment);
    }
}

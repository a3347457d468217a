using System.Net;
using System.Text.Json;
using Ztunnel.Capture;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The kubelet's probes: plain HTTP from the node's own namespace to a captured pod.</summary>
public sealed class ProbeTests
{
    [Theory]
    [InlineData(ProbePath.LinkLocal)]
    [InlineData(ProbePath.NodeAddress)]
    public async Task Under_STRICT_the_node_reaches_its_pod_and_a_pod_outside_the_mesh_beside_it_does_not(ProbePath probes)
    {
        await using MeshLab mesh = await Start(probes);
        LabPod server = mesh.Pod("server");
        await using PodHttpServer application = PodHttpServer.Start(server, 8080);
        await UntilProbed(mesh, works: true);
        await DemandMutualTls(mesh);

        foreach (IPAddress address in server.Addresses)
        {
            Assert.Equal($"server {Source(mesh, address, probes)}", await Curl(mesh.Network.Node("a"), address));
            Assert.StartsWith("curl: (", await Curl(mesh.Pod("stranger"), address), StringComparison.Ordinal);
            await mesh.AccessLine("direction=\"inbound\"", "src.workload=\"stranger\"", "error=");
            Assert.StartsWith("server ", await Curl(mesh.Pod("friend"), address), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Under_STRICT_with_nothing_done_for_probes_they_are_refused_as_any_plaintext()
    {
        await using MeshLab mesh = await Start(ProbePath.None);
        LabPod server = mesh.Pod("server");
        await using PodHttpServer application = PodHttpServer.Start(server, 8080);
        await DemandMutualTls(mesh);

        Assert.StartsWith("curl: (", await Curl(mesh.Network.Node("a"), server.IPv4), StringComparison.Ordinal);
        await mesh.AccessLine("direction=\"inbound\"", $"src.addr={mesh.Network.Node("a").Plan.GatewayOf(server.IPv4)}", "error=");
        Assert.False((await NodeDiagnostics.PodState(mesh.Network.Node("a"), "server")).GetProperty("capture").TryGetProperty("probes", out _));
        Assert.Equal("", (await mesh.Network.Node("a").Exec("nft", "list", "ruleset")).Output);
    }

    [Fact]
    public async Task A_node_that_translates_probes_otherwise_is_shown_with_what_arrives_and_the_pod_stays_captured()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab => lab.Node("a").Pod("server").Pod("stranger", "outside"), waitFor: _ => false, nodesWithoutAgent: ["a"]);
        LabNode node = mesh.Network.Node("a");
        ProcessResult masquerade = await node.NetworkNamespace.RunProcess("nft", ["-f", "-"], """
            table inet other { chain first { type nat hook postrouting priority srcnat - 10; ip daddr 10.244.0.0/24 masquerade; }; }
            """);
        Assert.True(masquerade.ExitCode == 0, masquerade.Error);
        await mesh.StartAgent("a");

        JsonElement probes = await UntilProbed(mesh, works: false);
        Assert.Contains(
            $"to {mesh.Pod("server").IPv4} arrives from {node.Plan.GatewayOf(mesh.Pod("server").IPv4)}, not from 169.254.7.127",
            probes.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.True(mesh.Agent("a").IsEnrolled("default/server"));
        await mesh.Line("Probes from this node do not get through to pod default/server");
    }

    private static async Task<MeshLab> Start(ProbePath probes) => await MeshLab.Start(
        lab => lab.Node("a").Pod("server").Pod("friend").Pod("stranger", "outside"),
        configure: options => options with { Probes = probes });

    private static async Task DemandMutualTls(MeshLab mesh)
    {
        mesh.Manifests.Write("strict.yaml", PolicyLab.PeerAuthentication("strict", "{mtls: {mode: STRICT}}"));
        await MeshLab.Eventually(
            "the policy", async () => (await NodeDiagnostics.Dump(mesh.Network.Node("a"))).GetProperty("policies").GetArrayLength() == 1);
    }

    /// <summary>Where the application sees the node's own connections come from.</summary>
    private static IPAddress Source(MeshLab mesh, IPAddress pod, ProbePath probes) => probes == ProbePath.LinkLocal
        ? pod.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? ProbeSource.IPv4 : ProbeSource.IPv6
        : mesh.Network.Node("a").Plan.GatewayOf(pod);

    private static async Task<string> Curl(LabHost from, IPAddress address)
    {
        string host = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : $"{address}";
        ProcessResult result = await from.Exec("curl", "-sS", "--http1.0", "--max-time", "10", $"http://{host}:8080/");
        return result.ExitCode == 0 ? result.Output : result.Error;
    }

    private static async Task<JsonElement> UntilProbed(MeshLab mesh, bool works)
    {
        JsonElement probes = default;
        await MeshLab.Eventually($"probes that work: {works}", async () =>
        {
            JsonElement state = await NodeDiagnostics.PodState(mesh.Network.Node("a"), "server");
            return state.ValueKind == JsonValueKind.Object && state.GetProperty("capture").TryGetProperty("probes", out probes)
                && probes.TryGetProperty("works", out JsonElement found) && found.GetBoolean() == works;
        });
        return probes;
    }
}

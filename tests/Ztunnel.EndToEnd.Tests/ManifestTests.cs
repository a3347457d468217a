using System.Net;
using System.Text.Json;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What an edit of a manifest does to a running node.</summary>
public sealed class ManifestTests
{
    // The agents take an edit up within a second; the rest is for a machine that is busy with other tests.
    private static readonly TimeSpan Promptly = TimeSpan.FromSeconds(5);

    private static readonly IPAddress Service = IPAddress.Parse("10.96.0.77");

    [Fact]
    public async Task A_service_pointed_at_another_pod_leads_new_connections_there_and_leaves_open_ones_alone()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer blue = EchoServer.Start(mesh.Pod("blue"));
        await using EchoServer green = EchoServer.Start(mesh.Pod("green"));
        mesh.Manifests.Write("services.yaml", ServiceFor("blue"));
        await UntilKnown(mesh, "echo");
        await UntilAnswers(mesh, "blue");
        using EchoClient open = await EchoServer.Connect(mesh.Pod("client"), Service, 80);

        mesh.Manifests.Write("services.yaml", ServiceFor("green"));
        await UntilAnswers(mesh, "green", Promptly);

        Assert.Equal("still there", await open.Echo("still there"));
        Assert.StartsWith("blue", open.Greeting, StringComparison.Ordinal);
        await open.Close();
    }

    [Fact]
    public async Task A_pod_that_stops_being_ready_gets_no_new_connections_of_its_services()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer blue = EchoServer.Start(mesh.Pod("blue"));
        await using EchoServer green = EchoServer.Start(mesh.Pod("green"));
        mesh.Manifests.Write("services.yaml", Yaml.Service("echo", "default", "{tier: echo}", 80, "8080", Service.ToString()));
        mesh.Manifests.Write("mesh.yaml", Pods(mesh.Network, ready: true));
        await UntilKnown(mesh, "echo");
        await UntilAnswers(mesh, "blue");
        await UntilAnswers(mesh, "green");

        mesh.Manifests.Write("mesh.yaml", Pods(mesh.Network, ready: false));
        await MeshLab.Eventually(
            "only green to answer",
            async () => (await Answers(mesh, 8)).All(pod => pod == "green"),
            Promptly);
        Assert.All(await Answers(mesh, 24), pod => Assert.Equal("green", pod));
    }

    [Theory]
    [InlineData("kind: Pod\n", "kind: Pods\n", "expected Pod, got")]
    [InlineData("kind: Pod\n", "kind: Pdo\n", "expected Pod, got")]
    [InlineData("kind: Pod\n", "kind: Container\n", "taken for a misspelling")]
    [InlineData("kind: Namespace\n", "kind: namespace\n", "expected Namespace, got")]
    public async Task A_slip_in_a_kind_lets_nobodys_traffic_out_in_the_clear(string right, string wrong, string told)
    {
        await using MeshLab mesh = await Start();
        await using EchoServer blue = EchoServer.Start(mesh.Pod("blue"));
        string manifests = Pods(mesh.Network, ready: true);
        Assert.Contains(right, manifests, StringComparison.Ordinal);
        mesh.Manifests.Write("mesh.yaml", manifests.Replace(right, wrong, StringComparison.Ordinal));
        await mesh.Line(told);

        using EchoClient client = await EchoServer.Connect(mesh.Pod("client"), mesh.Pod("blue").IPv4);
        await client.Close();

        await mesh.AccessLine("direction=\"outbound\"", "src.workload=\"client\"", "dst.hbone_addr=", "dst.workload=\"blue\"");
        Assert.True(mesh.Agent("a").IsEnrolled("default/client"));
    }

    [Fact]
    public async Task A_slip_in_a_field_of_a_policy_lets_no_plaintext_in()
    {
        await using PolicyLab lab = await PolicyLab.Start();
        await lab.Apply(PolicyLab.PeerAuthentication("strict", "{mtls: {mode: STRICT}}"));
        Assert.Equal("client visitor neighbour", await lab.Reached());

        lab.Write(PolicyLab.PeerAuthentication("strict", "{mtls: {mod: STRICT}}"));
        await lab.Mesh.Line("policies.yaml:4", "PeerAuthentication default/strict", "spec.mtls.mod", "mode");
        Assert.Equal("client visitor neighbour", await lab.Reached());

        await lab.Apply(PolicyLab.PeerAuthentication("new", "{mtls: {mod: STRICT}}"));
        Assert.Equal("client visitor neighbour", await lab.Reached());
    }

    [Fact]
    public async Task A_file_with_a_mistake_keeps_its_last_good_version_and_is_named_while_other_files_go_on()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer blue = EchoServer.Start(mesh.Pod("blue"));
        await using EchoServer green = EchoServer.Start(mesh.Pod("green"));
        LabNode node = mesh.Network.Node("a");
        mesh.Manifests.Write("services.yaml", ServiceFor("blue"));
        await UntilKnown(mesh, "echo");
        await UntilAnswers(mesh, "blue");

        string broken = ServiceFor("green").Replace("port: 80\n", "port: eighty\n", StringComparison.Ordinal);
        int line = Array.FindIndex(broken.Split('\n'), l => l.Contains("eighty", StringComparison.Ordinal)) + 1;
        mesh.Manifests.Write("services.yaml", broken);
        await mesh.Line($"services.yaml:{line}", "spec.ports[0].port", "eighty");
        JsonElement resources = (await NodeDiagnostics.Dump(node)).GetProperty("resources");
        JsonElement problem = Assert.Single(resources.GetProperty("problems").EnumerateArray());
        Assert.Equal($"services.yaml:{line}", problem.GetProperty("source").GetString());
        Assert.Equal("spec.ports[0].port", problem.GetProperty("field").GetString());
        Assert.Equal("Service default/echo", Assert.Single(resources.GetProperty("keptLastGood").EnumerateArray()).GetString());
        Assert.StartsWith("blue", await EchoServer.Greeting(mesh.Pod("client"), Service, 80), StringComparison.Ordinal);

        IPAddress other = IPAddress.Parse("10.96.0.78");
        mesh.Manifests.Write("more.yaml", Yaml.Service("other", "default", "{app: green}", 80, "8080", other.ToString()));
        await UntilKnown(mesh, "other");
        Assert.Equal($"green {mesh.Pod("client").IPv4}", await EchoServer.Greeting(mesh.Pod("client"), other, 80));

        mesh.Manifests.Write("services.yaml", ServiceFor("green"));
        await UntilAnswers(mesh, "green", Promptly);
        Assert.Empty((await NodeDiagnostics.Dump(node)).GetProperty("resources").GetProperty("problems").EnumerateArray());
    }

    private static Task<MeshLab> Start() => MeshLab.Start(lab =>
    {
        lab.Node("a").Pod("client");
        lab.Node("b").Pod("blue").Pod("green");
    });

    private static string ServiceFor(string app) => Yaml.Service("echo", "default", $"{{app: {app}}}", 80, "8080", Service.ToString());

    private static string Pods(LabNetwork network, bool ready) => Yaml.Join(
        [
            Yaml.Namespace("default", ambient: true),
            Yaml.Pod(network.Pod("client")),
            Yaml.Pod(network.Pod("blue"), "{app: blue, tier: echo}", ready),
            Yaml.Pod(network.Pod("green"), "{app: green, tier: echo}"),
        ]);

    /// <summary>Waits until the client's node knows a service. Before, nothing answers at its address, not even with a refusal.</summary>
    private static Task UntilKnown(MeshLab mesh, string service) => MeshLab.Eventually(
        $"{service} to be known",
        async () => (await NodeDiagnostics.Dump(mesh.Network.Node("a"))).TryGetProperty("services", out JsonElement services)
            && services.EnumerateArray().Any(known => known.GetProperty("name").GetString() == service),
        Promptly);

    private static Task UntilAnswers(MeshLab mesh, string pod, TimeSpan? patience = null) => MeshLab.Eventually(
        $"{pod} to answer",
        async () => (await Answers(mesh, 1))[0] == pod,
        patience);

    private static async Task<string?[]> Answers(MeshLab mesh, int count) =>
        [.. (await Task.WhenAll(Enumerable.Range(0, count).Select(_ => EchoServer.Greeting(mesh.Pod("client"), Service, 80))))
            .Select(greeting => greeting?.Split(' ')[0])];
}

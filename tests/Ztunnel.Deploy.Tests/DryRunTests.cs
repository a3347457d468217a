using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>An API server takes what the chart renders, by way of kubectl.</summary>
public sealed class DryRunTests
{
    /// <summary>Kinds, by how they begin, that this server does not have: those of an operator's CRD, and admission policies.</summary>
    private static readonly string[] Unserved = ["PodMonitor", "ValidatingAdmissionPolicy"];

    [Theory]
    [MemberData(nameof(ExampleValues.All), MemberType = typeof(ExampleValues))]
    public async Task Kubectl_applies_what_is_rendered_without_a_complaint_and_finds_it_as_it_is_the_second_time(string name, string values)
    {
        await using Cluster cluster = await Cluster.Start();
        string ns = name == nameof(ExampleValues.OddNames) ? "007" : "istio-system";
        string rendered = await Chart.Render(values, ns);
        string[] documents = [.. rendered.Split("\n---\n").Where(document => !Unserved.Any(kind => document.Contains($"kind: {kind}", StringComparison.Ordinal)))];
        string file = cluster.Write("rendered.yaml", string.Join("\n---\n", documents));
        int objects = Chart.Objects(rendered).Count(each => !Unserved.Any(((string)each["kind"]!).StartsWith));
        await cluster.Kubectl("apply", "-f", cluster.Write("namespace.yaml", $"apiVersion: v1\nkind: Namespace\nmetadata: {{name: \"{ns}\"}}\n"));

        Assert.Equal(objects, Lines(await cluster.Kubectl("apply", "--dry-run=client", "-f", file)).Length);
        string[] dry = Lines(await cluster.Kubectl("apply", "--dry-run=server", "-f", file));
        Assert.Equal(objects, dry.Length);
        Assert.All(dry, line => Assert.EndsWith("created (server dry run)", line, StringComparison.Ordinal));

        Assert.All(Lines(await cluster.Kubectl("apply", "-f", file)), line => Assert.EndsWith(" created", line, StringComparison.Ordinal));
        // Of a budget kubectl sends the selector each time (its patch strategy is to replace), and calls that configured.
        Assert.All(
            Lines(await cluster.Kubectl("apply", "-f", file)).Where(line => !line.StartsWith("poddisruptionbudget", StringComparison.Ordinal)),
            line => Assert.EndsWith(" unchanged", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_manifests_are_installed_by_one_command_and_an_upgrade_leaves_the_gateways_their_rights()
    {
        await using Cluster cluster = await Cluster.Start();
        string manifests = Path.Combine(Repository.Root, "deploy/manifests");

        await cluster.Kubectl("apply", "-f", manifests);
        JsonNode agents = JsonNode.Parse(await cluster.Kubectl("get", "daemonset", "ztunnel", "-n", "istio-system", "-o", "json"))!;
        Assert.Equal("ztunnel", (string?)agents["spec"]!["template"]!["spec"]!["serviceAccountName"]);

        // What the controller does when it has made a gateway.
        const string Subject = """{"subjects":[{"kind":"ServiceAccount","name":"edge-istio","namespace":"infra"}]}""";
        await cluster.Kubectl("patch", "clusterrolebinding", "ztunnel-gateway", "--type=merge", "-p", Subject);
        await cluster.Kubectl("apply", "-f", manifests);
        JsonNode binding = JsonNode.Parse(await cluster.Kubectl("get", "clusterrolebinding", "ztunnel-gateway", "-o", "json"))!;
        Assert.Equal("edge-istio", (string?)binding["subjects"]![0]!["name"]);
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>An API server and a kubectl that talks to it.</summary>
    private sealed class Cluster : IAsyncDisposable
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("ztunnel-cluster-");
        private readonly ApiServer _server;

        private Cluster(ApiServer server) => _server = server;

        public static async Task<Cluster> Start()
        {
            var cluster = new Cluster(await ApiServer.Start());
            cluster._server.WriteKubeconfig(Path.Combine(cluster._directory.FullName, "config"));
            return cluster;
        }

        public string Write(string name, string text)
        {
            string file = Path.Combine(_directory.FullName, name);
            File.WriteAllText(file, text);
            return file;
        }

        public async Task<string> Kubectl(params string[] arguments)
        {
            (int exit, string output, string error) = await Run.Program(
                "kubectl", arguments, ("KUBECONFIG", Path.Combine(_directory.FullName, "config")), ("HOME", _directory.FullName));
            Assert.True(exit == 0, $"kubectl {string.Join(' ', arguments)}: {error}");
            return output;
        }

        public async ValueTask DisposeAsync()
        {
            await _server.DisposeAsync();
            _directory.Delete(recursive: true);
        }
    }
}

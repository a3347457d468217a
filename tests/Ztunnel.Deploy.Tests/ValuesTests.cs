using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ztunnel.Deploy.Tests;

/// <summary>values.yaml, its schema and the templates know the same values.</summary>
public sealed partial class ValuesTests
{
    /// <summary>Lets everything show that depends on another value.</summary>
    private const string Base = """
        podMonitor: {enabled: true}
        resourceQuota: {enabled: true}
        """;

    /// <summary>A valid value other than the default, for values that their kind does not give one for.</summary>
    private static readonly Dictionary<string, string> Others = new(StringComparer.Ordinal)
    {
        ["image.digest"] = $"sha256:{new string('0', 64)}",
        ["image.pullPolicy"] = "Always",
        ["image.pullSecrets"] = "[a]",
        ["trustDomainAliases"] = "[a]",
        ["log.access"] = "json",
        ["ca.address"] = "a:1",
        ["node.workers"] = "7",
        ["node.probes"] = "none",
        ["node.sameNode"] = "tunnel",
        ["node.excludeNamespaces"] = "[a]",
        ["node.discoverySelectors"] = "[a=b]",
        ["node.extraArgs"] = "[--a]",
        ["node.tolerations"] = "[{key: a}]",
        ["controller.extraArgs"] = "[--a]",
        ["controller.tolerations"] = "[{key: a}]",
        ["controller.affinity"] = "{nodeAffinity: {}}",
        ["podMonitor.enabled"] = "false",
        ["podMonitor.interval"] = "7s",
        ["resourceQuota.enabled"] = "false",
    };

    private static JsonObject Defaults { get; } = Chart.Objects(File.ReadAllText(Path.Combine(Chart.Directory, "values.yaml")))[0].AsObject();

    private static JsonNode Schema { get; } = JsonNode.Parse(File.ReadAllText(Path.Combine(Chart.Directory, "values.schema.json")))!;

    [Fact]
    public async Task Every_value_is_in_the_schema_and_changes_what_is_rendered()
    {
        string before = await Chart.Render(Base);
        foreach ((string path, JsonNode? value) in Leaves(Defaults, ""))
        {
            (int exit, string output, string error) = await Chart.TryRender([Base, Nested(path, Other(path, value))]);
            Assert.True(exit == 0, $"{path}: {error}");
            Assert.True(output != before, $"{path} is not used");
        }
    }

    [Fact]
    public void Every_value_of_the_schema_has_a_default()
    {
        AssertSame(Schema, Defaults, "");

        static void AssertSame(JsonNode schema, JsonObject values, string path)
        {
            Assert.False((bool)schema["additionalProperties"]!, path);
            foreach ((string name, JsonNode? property) in schema["properties"]!.AsObject().Where(property => property.Key != "global"))
            {
                Assert.True(values.ContainsKey(name), $"{path}{name} has no default");
                if (property!["properties"] is not null)
                    AssertSame(property, values[name]!.AsObject(), $"{path}{name}.");
            }
        }
    }

    [Fact]
    public void Every_value_is_explained()
    {
        string above = "";
        foreach (string line in File.ReadLines(Path.Combine(Chart.Directory, "values.yaml")))
        {
            // What is nested deeper is Kubernetes' own.
            if (ValueLine().IsMatch(line))
                Assert.True(above.TrimStart().StartsWith('#'), $"{line.Trim()} is not explained");
            above = line;
        }
    }

    [Theory]
    [InlineData("nodes: {}", "nodes")]
    [InlineData("node: {worker: 2}", "worker")]
    [InlineData("node: {workers: 0}", "node.workers")]
    [InlineData("node: {workers: two}", "node.workers")]
    [InlineData("node: {probes: maybe}", "node.probes")]
    [InlineData("node: {maxSurge: 0}", "node.maxSurge")]
    [InlineData("node: {runDirectory: run}", "node.runDirectory")]
    [InlineData("node: {resources: {limits: null}}", "limits")]
    [InlineData("node: {podLabels: {a: 1}}", "node.podLabels.a")]
    [InlineData("image: {tag: 1.0}", "image.tag")]
    [InlineData("image: {digest: latest}", "image.digest")]
    [InlineData("ca: {address: 'https://ca.example'}", "ca.address")]
    [InlineData("controller: {replicas: 0}", "controller.replicas")]
    [InlineData("trustDomain: 'spiffe://a'", "trustDomain")]
    [InlineData("cni: {binDirectory: '/opt:/etc'}", "cni.binDirectory")]
    public async Task A_value_that_makes_no_sense_is_refused_by_name(string values, string named)
    {
        (int exit, string output, string error) = await Chart.TryRender([values]);

        Assert.NotEqual(0, exit);
        Assert.Empty(output);
        Assert.Contains(named, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_older_Kubernetes_is_refused()
    {
        (int exit, _, string error) = await Chart.TryRender([], kubeVersion: "v1.24.9");

        Assert.NotEqual(0, exit);
        Assert.Contains("kubeVersion", error, StringComparison.Ordinal);
    }

    private static IEnumerable<(string Path, JsonNode? Value)> Leaves(JsonObject values, string path)
    {
        foreach ((string name, JsonNode? value) in values)
        {
            bool own = value is JsonObject { Count: > 0 } && SchemaOf($"{path}{name}")?["properties"] is not null;
            foreach ((string Path, JsonNode? Value) leaf in own ? Leaves(value!.AsObject(), $"{path}{name}.") : [($"{path}{name}", value)])
                yield return leaf;
        }
    }

    private static JsonNode? SchemaOf(string path) =>
        path.Split('.').Aggregate<string, JsonNode?>(Schema, (schema, name) => schema?["properties"]?[name]);

    private static string Other(string path, JsonNode? value) => Others.TryGetValue(path, out string? other) ? other : value switch
    {
        JsonObject when path.EndsWith("resources", StringComparison.Ordinal) => "{requests: {cpu: 77m}}",
        JsonObject => "{other: value}",
        _ when value!.GetValueKind() is System.Text.Json.JsonValueKind.True => "false",
        _ when value.GetValueKind() is System.Text.Json.JsonValueKind.False => "true",
        _ when value.GetValueKind() is System.Text.Json.JsonValueKind.Number => "777",
        _ => path.EndsWith("Directory", StringComparison.Ordinal) ? "/other" : "other",
    };

    private static string Nested(string path, string value) =>
        path.Split('.').Reverse().Aggregate(value, (inner, name) => $"{{{name}: {inner}}}");

    [GeneratedRegex("^([A-Za-z]+: .|  [A-Za-z]+:)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex ValueLine();
}

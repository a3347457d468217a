using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>The plain manifests, for clusters without helm.</summary>
public sealed class ManifestTests
{
    private static readonly string[] Rights = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];

    private static string Manifests => Path.Combine(Repository.Root, "deploy/manifests");

    [Fact]
    public async Task They_are_what_the_chart_renders_with_its_own_values()
    {
        IEnumerable<string> rendered = Texts(Chart.Objects(await Chart.Render()));
        IEnumerable<string> written = Texts(Directory.GetFiles(Manifests, "*.yaml")
            .Where(file => Path.GetFileName(file) != "00-namespace.yaml")
            .SelectMany(file => Chart.Objects(File.ReadAllText(file))));

        Assert.True(rendered.SequenceEqual(written, StringComparer.Ordinal), "run deploy/write-manifests");

        static IEnumerable<string> Texts(IEnumerable<JsonNode> objects) => objects.Select(each => each.ToJsonString()).Order(StringComparer.Ordinal);
    }

    [Fact]
    public void Their_namespace_comes_first_and_is_the_one_of_all_of_them()
    {
        string[] files = [.. Directory.GetFiles(Manifests).Order(StringComparer.Ordinal)];
        JsonNode first = Assert.Single(Chart.Objects(File.ReadAllText(files[0])));

        Assert.Equal("Namespace", (string?)first["kind"]);
        foreach (JsonNode each in files[1..].SelectMany(file => Chart.Objects(File.ReadAllText(file))))
            Assert.True(each["metadata"]!["namespace"] is not { } ns || (string?)ns == (string?)first["metadata"]!["name"], each.ToJsonString());
    }

    [Fact]
    public void What_runs_comes_after_its_rights_and_the_agents_last()
    {
        // As kubectl goes through a directory.
        string[] kinds = [.. Directory.GetFiles(Manifests).Order(StringComparer.Ordinal).SelectMany(file => Chart.Objects(File.ReadAllText(file))).Select(each => (string)each["kind"]!)];

        Assert.All(kinds.SkipWhile(kind => kind is not ("Deployment" or "DaemonSet")), kind => Assert.DoesNotContain(kind, Rights, StringComparer.Ordinal));
        Assert.Equal("DaemonSet", kinds[^1]);
    }
}

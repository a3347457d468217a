using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>Lists are of one moment, and a watch tells everything that happened since.</summary>
public sealed class ListAndWatchTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private const string Pods = "/api/v1/pods";

    [Fact]
    public async Task Pages_belong_to_the_moment_of_the_first()
    {
        await using Api api = await Api.Start();
        foreach (string name in (string[])["a", "b", "c", "d", "e"])
            await api.Post(Maps, ObjectTests.ConfigMap(name, "1"));

        Answer first = await api.Get(Maps + "?limit=2");
        Assert.Equal(("ConfigMapList", "3", "a", "b", null), (
            first["kind"], first["metadata.remainingItemCount"], first["items.0.metadata.name"], first["items.1.metadata.name"], first["items.0.kind"]));
        await api.Delete(Maps + "/c");
        await api.Post(Maps, ObjectTests.ConfigMap("bb", "1"));
        Answer second = await api.Get($"{Maps}?limit=3&continue={first["metadata.continue"]}");
        Assert.Equal("c d e", Names(second));
        Assert.Equal((first["metadata.resourceVersion"], null), (second["metadata.resourceVersion"], second["metadata.continue"]));

        api.Server.Faults.Compact();
        Answer late = await api.Get($"{Maps}?limit=2&continue={first["metadata.continue"]}");
        Assert.Equal((410, "Expired"), (late.Code, late["reason"]));
        Answer inconsistent = await api.Get($"{Maps}?continue={late["metadata.continue"]}");
        Assert.Equal("bb d e", Names(inconsistent));
        Assert.Equal("a b bb d e", Names(await api.Get(Maps + "?limit=1&resourceVersion=0")));
        Answer future = await api.Get(Maps + "?resourceVersion=100000");
        Assert.Equal((504, "ResourceVersionTooLarge"), (future.Code, future["details.causes.0.reason"]));
    }

    [Theory]
    [InlineData("labelSelector=app%3Dx", "a b")]
    [InlineData("labelSelector=app!%3Dx", "c d")]
    [InlineData("labelSelector=app%20in%20(x,y),tier%3D%3Dfront", "a c")]
    [InlineData("labelSelector=app%20notin%20(x)", "c d")]
    [InlineData("labelSelector=tier", "a c")]
    [InlineData("labelSelector=!tier", "b d")]
    [InlineData("labelSelector=rank%3E2", "b")]
    [InlineData("labelSelector=rank%3C2", "a")]
    [InlineData("fieldSelector=spec.nodeName%3Dn1", "a c")]
    [InlineData("fieldSelector=spec.nodeName!%3Dn1", "b d")]
    [InlineData("fieldSelector=metadata.name%3Db", "b")]
    [InlineData("fieldSelector=metadata.namespace%3Dshop,status.phase%3DRunning", "a")]
    public async Task Selectors_select(string query, string expected)
    {
        await using Api api = await Api.Start();
        api.Server.Put(Pod("a", "n1", "{ app: x, tier: front, rank: '1' }", "Running") + Pod("b", "n2", "{ app: x, rank: '3' }", "Failed")
            + Pod("c", "n1", "{ app: y, tier: front }", "Pending") + Pod("d", "", "{ }", "Pending"));
        Assert.Equal(expected, Names(await api.Get($"{Pods}?{query}")));
    }

    [Theory]
    [InlineData("labelSelector=a%20in%20x")]
    [InlineData("labelSelector=-a")]
    [InlineData("fieldSelector=spec.schedulerName%3Dx")]
    public async Task What_is_no_selector_is_refused(string query)
    {
        await using Api api = await Api.Start();
        Assert.Equal(400, (await api.Get($"{Pods}?{query}")).Code);
    }

    [Fact]
    public async Task A_watch_tells_what_happened_since_a_version()
    {
        await using Api api = await Api.Start();
        string from = (await api.Get(Maps))["metadata.resourceVersion"]!;
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        using WatchLines watch = await api.Watch($"{Maps}?resourceVersion={from}");
        Assert.Equal("ADDED a", await watch.Short());
        await api.Merge(Maps + "/a", """{"data":{"key":"2"}}""");
        await api.Delete(Maps + "/a");
        JsonNode? modified = await watch.Next(), deleted = await watch.Next();
        Assert.Equal(("MODIFIED", "2"), ((string?)modified!["type"], JsonWalk.Text(modified, "object.data.key")));
        Assert.Equal("DELETED", (string?)deleted!["type"]);
        Assert.True(VersionOf(deleted) > VersionOf(modified));
    }

    [Fact]
    public async Task A_watch_without_a_version_begins_with_what_is_there()
    {
        await using Api api = await Api.Start();
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        using WatchLines unset = await api.Watch(Maps), any = await api.Watch(Maps + "?resourceVersion=0");
        Assert.Equal("ADDED a", await unset.Short());
        Assert.Equal("ADDED a", await any.Short());
        await api.Post(Maps, ObjectTests.ConfigMap("b", "1"));
        Assert.Equal("ADDED b", await unset.Short());
        Assert.Equal("ADDED b", await any.Short());
    }

    [Fact]
    public async Task What_comes_under_a_selector_is_added_and_what_leaves_it_is_deleted()
    {
        await using Api api = await Api.Start();
        api.Server.Put(Pod("a", "", "{ app: x }", "Pending"));
        using WatchLines node = await api.Watch(Pods + "?fieldSelector=spec.nodeName%3Dn1"), label = await api.Watch(Pods + "?labelSelector=app%3Dx");
        Assert.Equal("ADDED a", await label.Short());
        api.Server.Put(Pod("a", "n1", "{ app: x }", "Pending"));
        Assert.Equal("ADDED a", await node.Short());
        Assert.Equal("MODIFIED a", await label.Short());
        api.Server.Put(Pod("a", "n1", "{ app: y }", "Pending"));
        Assert.Equal("MODIFIED a", await node.Short());
        JsonNode? left = await label.Next();
        Assert.Equal(("DELETED", "x"), ((string?)left!["type"], JsonWalk.Text(left, "object.metadata.labels.app")));
        Assert.Equal(api.Server.Objects.Version, VersionOf(left));
        api.Server.Put(Pod("a", "n2", "{ app: y }", "Pending"));
        Assert.Equal("DELETED a", await node.Short());
    }

    [Fact]
    public async Task A_forgotten_version_is_an_error_on_the_watch()
    {
        await using Api api = await Api.Start();
        string from = (await api.Get(Maps))["metadata.resourceVersion"]!;
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        api.Server.Faults.Compact();
        using WatchLines watch = await api.Watch($"{Maps}?resourceVersion={from}");
        JsonNode? error = await watch.Next();
        Assert.Equal(("ERROR", "Expired", "410"), (
            (string?)error!["type"], JsonWalk.Text(error, "object.reason"), JsonWalk.Text(error, "object.code")));
        Assert.Null(await watch.Next());
    }

    [Fact]
    public async Task A_streaming_list_ends_with_a_marked_bookmark_and_a_watch_with_a_plain_one()
    {
        ManualTime time = new();
        await using Api api = await Api.Start(new ApiServerOptions { Time = time });
        await api.Post(Maps, ObjectTests.ConfigMap("a", "1"));
        using WatchLines watch = await api.Watch(
            Maps + "?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=90");
        Assert.Equal("ADDED a", await watch.Short());
        JsonNode? end = await watch.Next();
        Assert.Equal(("BOOKMARK", "true", "ConfigMap"), (
            (string?)end!["type"], (string?)end["object"]!["metadata"]!["annotations"]!["k8s.io/initial-events-end"],
            JsonWalk.Text(end, "object.kind")));
        Assert.Equal(api.Server.Objects.Version, VersionOf(end));
        await Eventually.Holds(() => time.ArmedTimers >= 2);
        time.Advance(TimeSpan.FromSeconds(60));
        JsonNode? regular = await watch.Next();
        Assert.Equal(("BOOKMARK", null), ((string?)regular!["type"], JsonWalk.Text(regular, "object.metadata.annotations")));
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal("BOOKMARK", await watch.Short());
        Assert.Equal("END", await watch.Short());
        Assert.Equal(422, (await api.Get(Maps + "?watch=true&sendInitialEvents=true")).Code);
    }

    [Fact]
    public async Task A_table_has_the_columns_of_the_real_one_and_as_much_of_the_object_as_is_asked_for()
    {
        const string Table = "application/json;as=Table;g=meta.k8s.io;v=v1";
        await using Api api = await Api.Start();
        api.Server.Put(Pod("a", "n1", "{ app: x }", "Running"));
        Answer table = await api.Get(Pods + "?includeObject=Metadata", Table);
        Assert.Equal("Table", table["kind"]);
        Assert.Equal(
            "Name Ready Status Restarts Age IP Node Nominated Node Readiness Gates",
            string.Join(' ', table.Json["columnDefinitions"]!.AsArray().Select(column => (string?)column!["name"])));
        Assert.Equal(("a", "0/1", "Running", "<none>", "n1"), (
            table["rows.0.cells.0"], table["rows.0.cells.1"], table["rows.0.cells.2"], table["rows.0.cells.5"], table["rows.0.cells.6"]));
        Assert.Equal(("PartialObjectMetadata", "x", null), (
            table["rows.0.object.kind"], table["rows.0.object.metadata.labels.app"], table["rows.0.object.spec"]));
        Assert.Null((await api.Get(Pods + "?includeObject=None", Table))["rows.0.object"]);
        Assert.Equal("n1", (await api.Get(Pods + "?includeObject=Object", Table))["rows.0.object.spec.nodeName"]);
    }

    private static string Names(Answer list) =>
        string.Join(' ', list.Json["items"]!.AsArray().Select(item => JsonWalk.Text(item, "metadata.name")));

    private static long VersionOf(JsonNode? line) => long.Parse(JsonWalk.Text(line, "object.metadata.resourceVersion")!);

    private static string Pod(string name, string node, string labels, string phase) => $$"""
        apiVersion: v1
        kind: Pod
        metadata: { name: {{name}}, namespace: shop, labels: {{labels}} }
        spec: { nodeName: "{{node}}", containers: [{ name: c, image: i }] }
        status: { phase: {{phase}} }
        ---

        """;
}

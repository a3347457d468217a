using System.Net;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>Objects are made, changed and deleted by the rules of the real server.</summary>
public sealed class ObjectTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private const string Gateways = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";

    [Fact]
    public async Task A_new_object_gets_what_only_the_server_gives()
    {
        await using Api api = await Api.Start();
        Answer made = await api.Post(Maps, ConfigMap("a", "1"));

        Assert.Equal(HttpStatusCode.Created, made.Status);
        Assert.True(Guid.TryParse(made["metadata.uid"], out _));
        Assert.Matches("^[0-9]+$", made["metadata.resourceVersion"]!);
        Assert.EndsWith("Z", made["metadata.creationTimestamp"]);
        Assert.Equal("default", made["metadata.namespace"]);
        Assert.Null(made["metadata.generation"]);

        Answer again = await api.Post(Maps, ConfigMap("a", "2"));
        Assert.Equal((409, "AlreadyExists"), (again.Code, again["reason"]));
        Assert.Equal("configmaps \"a\" already exists", again["message"]);
        Answer nowhere = await api.Post("/api/v1/namespaces/nowhere/configmaps", ConfigMap("a", "1"));
        Assert.Equal((404, "namespaces \"nowhere\" not found"), (nowhere.Code, nowhere["message"]));
        Answer missing = await api.Get(Maps + "/b");
        Assert.Equal((404, "NotFound", "configmaps", "b"), (missing.Code, missing["reason"], missing["details.kind"], missing["details.name"]));
    }

    [Fact]
    public async Task An_update_of_an_older_version_is_a_conflict_and_one_that_changes_nothing_is_none()
    {
        await using Api api = await Api.Start();
        string first = (await api.Post(Maps, ConfigMap("a", "1"))).Text;
        Answer second = await api.Put(Maps + "/a", first.Replace("\"1\"", "\"2\"", StringComparison.Ordinal));
        Assert.Equal(200, second.Code);

        Answer late = await api.Put(Maps + "/a", first.Replace("\"1\"", "\"3\"", StringComparison.Ordinal));
        Assert.Equal((409, "Conflict"), (late.Code, late["reason"]));
        Answer same = await api.Put(Maps + "/a", second.Text);
        Assert.Equal(second["metadata.resourceVersion"], same["metadata.resourceVersion"]);
        Answer unconditional = await api.Put(Maps + "/a", ConfigMap("a", "4"));
        Assert.Equal((200, "4"), (unconditional.Code, unconditional["data.key"]));
        Answer other = await api.Put(Maps + "/a", ConfigMap("b", "4"));
        Assert.Equal(400, other.Code);
        Answer foreign = await api.Merge(Maps + "/a", """{"metadata":{"uid":"00000000-0000-0000-0000-000000000000"}}""");
        Assert.Equal((409, "Conflict"), (foreign.Code, foreign["reason"]));
    }

    [Fact]
    public async Task A_spec_and_a_status_are_written_by_paths_of_their_own()
    {
        await using Api api = await Api.Start();
        Answer made = await api.Post(Gateways, Gateway("""{"conditions":[{"type":"Programmed","status":"True"}]}"""));
        Assert.Equal(("1", "Unknown"), (made["metadata.generation"], made["status.conditions.0.status"]));

        Answer status = await api.Merge(
            Gateways + "/g/status",
            """{"metadata":{"labels":{"x":"y"}},"spec":{"gatewayClassName":"other"},"status":{"addresses":[{"value":"10.0.0.1"}]}}""");
        Assert.Equal(("1", "istio", "10.0.0.1", null), (
            status["metadata.generation"], status["spec.gatewayClassName"], status["status.addresses.0.value"], status["metadata.labels"]));

        Answer spec = await api.Merge(Gateways + "/g", """{"spec":{"gatewayClassName":"other"},"status":null}""");
        Assert.Equal(("2", "other", "10.0.0.1"), (
            spec["metadata.generation"], spec["spec.gatewayClassName"], spec["status.addresses.0.value"]));
        Answer label = await api.Merge(Gateways + "/g", """{"metadata":{"labels":{"x":"y"}}}""");
        Assert.Equal(("2", "y"), (label["metadata.generation"], label["metadata.labels.x"]));

        Answer older = await api.Get("/apis/gateway.networking.k8s.io/v1beta1/namespaces/default/gateways/g");
        Assert.Equal("gateway.networking.k8s.io/v1beta1", older["apiVersion"]);
        Answer unversioned = await api.Put(Gateways + "/g", Gateway("{}"));
        Assert.Equal((422, "Invalid"), (unversioned.Code, unversioned["reason"]));
    }

    [Fact]
    public async Task Deletion_waits_for_finalizers_and_honours_preconditions()
    {
        await using Api api = await Api.Start();
        Answer made = await api.Post(
            Maps, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","finalizers":["example.com/hold"]}}""");

        Answer wrong = await api.Delete(Maps + "/a", """{"preconditions":{"uid":"no"}}""");
        Assert.Equal((409, "Conflict"), (wrong.Code, wrong["reason"]));
        Answer begun = await api.Delete(Maps + "/a");
        Assert.Equal(made["metadata.uid"], begun["metadata.uid"]);
        Assert.NotNull(begun["metadata.deletionTimestamp"]);
        Answer more = await api.Merge(Maps + "/a", """{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}""");
        Assert.Equal(422, more.Code);
        Assert.Equal(200, (await api.Merge(Maps + "/a", """{"metadata":{"finalizers":null}}""")).Code);
        Assert.Equal(404, (await api.Get(Maps + "/a")).Code);
    }

    [Fact]
    public async Task What_an_owner_has_goes_with_it()
    {
        await using Api api = await Api.Start();
        string owner = (await api.Post(Maps, ConfigMap("owner", "1")))["metadata.uid"]!;
        string other = (await api.Post(Maps, ConfigMap("other", "1")))["metadata.uid"]!;
        await api.Post(Maps, Owned("only", owner));
        await api.Post(Maps, Owned("shared", owner, other));

        await api.Delete(Maps + "/owner", """{"propagationPolicy":"Background"}""");
        Assert.Equal(404, (await api.Get(Maps + "/only")).Code);
        Answer shared = await api.Get(Maps + "/shared");
        Assert.Equal((other, null), (shared["metadata.ownerReferences.0.uid"], shared["metadata.ownerReferences.1.uid"]));

        await api.Post(Maps, Owned("late", owner));
        Assert.Equal(404, (await api.Get(Maps + "/late")).Code);

        await api.Delete(Maps + "/other", """{"propagationPolicy":"Orphan"}""");
        Answer orphan = await api.Get(Maps + "/shared");
        Assert.Equal((200, null), (orphan.Code, orphan["metadata.ownerReferences"]));
        Assert.Equal(404, (await api.Get(Maps + "/other")).Code);
    }

    [Fact]
    public async Task A_pod_on_a_node_ends_after_its_grace_period_and_a_namespace_after_what_is_in_it()
    {
        await using Api api = await Api.Start();
        api.Server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: { name: p, namespace: shop }
            spec: { nodeName: n1, containers: [{ name: c, image: i }] }
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: { name: c, namespace: shop }
            """);
        Answer ending = await api.Delete("/api/v1/namespaces/shop");
        Assert.Equal(("Terminating", "kubernetes"), (ending["status.phase"], ending["spec.finalizers.0"]));
        Assert.Equal(404, (await api.Get("/api/v1/namespaces/shop/configmaps/c")).Code);
        Answer pod = await api.Get("/api/v1/namespaces/shop/pods/p");
        Assert.Equal("30", pod["metadata.deletionGracePeriodSeconds"]);
        Answer refused = await api.Post("/api/v1/namespaces/shop/configmaps", ConfigMap("d", "1"));
        Assert.Equal((403, "NamespaceTerminating"), (refused.Code, refused["details.causes.0.reason"]));

        Assert.Equal(200, (await api.Delete("/api/v1/namespaces/shop/pods/p", """{"gracePeriodSeconds":0}""")).Code);
        Assert.Equal(404, (await api.Get("/api/v1/namespaces/shop")).Code);
    }

    [Fact]
    public async Task What_is_not_served_or_not_understood_is_refused()
    {
        await using Api api = await Api.Start(new ApiServerOptions { Crds = InstalledCrds.None });
        Assert.Equal((404, "404 page not found\n"), ((await api.Get(Gateways)).Code, (await api.Get(Gateways)).Text));
        api.Server.Install(InstalledCrds.GatewayApi);
        Assert.Equal(200, (await api.Get(Gateways)).Code);

        Assert.Equal(415, (await api.Send(HttpMethod.Post, Maps, "x", "text/plain")).Code);
        Assert.Equal(406, (await api.Get(Maps, "application/vnd.kubernetes.protobuf")).Code);
        Assert.Equal(400, (await api.Post(Maps, "{")).Code);
        Assert.Equal(400, (await api.Post(Maps, Gateway("{}"))).Code);
        Assert.Equal(405, (await api.Put(Maps, ConfigMap("a", "1"))).Code);
    }

    internal static string ConfigMap(string name, string value) =>
        $$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{name}}"},"data":{"key":"{{value}}"} }""";

    private static string Owned(string name, params string[] owners) =>
        $$"""
        {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{name}}","ownerReferences":[{{string.Join(
            ',', owners.Select(uid => $$"""{"apiVersion":"v1","kind":"ConfigMap","name":"o","uid":"{{uid}}"}"""))}}]} }
        """;

    private static string Gateway(string status) =>
        $$"""
        {"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"name":"g"},
         "spec":{"gatewayClassName":"istio","listeners":[{"name":"http","port":80,"protocol":"HTTP"}]},"status":{{status}} }
        """;
}

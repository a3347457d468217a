using System.Text.Json.Nodes;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>Server-side apply: fields have owners, and who no longer applies a field takes it away.</summary>
public sealed class ApplyTests
{
    private const string Maps = "/api/v1/namespaces/default/configmaps/m";
    private const string Gateways = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/g";
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments/d";

    [Fact]
    public async Task Applying_creates_and_then_changes_only_what_is_applied()
    {
        await using Api api = await Api.Start();
        Answer made = await Apply(api, Maps, "a", Map("{ x: '1', y: '1' }"));
        Assert.Equal((201, "a", "Apply"), (made.Code, made["metadata.managedFields.0.manager"], made["metadata.managedFields.0.operation"]));
        Assert.NotNull(made.Json["metadata"]!["managedFields"]![0]!["fieldsV1"]!["f:data"]!["f:x"]);

        Answer same = await Apply(api, Maps, "a", Map("{ x: '1', y: '1' }"));
        Assert.Equal((200, made["metadata.resourceVersion"]), (same.Code, same["metadata.resourceVersion"]));
        await api.Merge(Maps, """{"data":{"z":"3"}}""");
        Answer less = await Apply(api, Maps, "a", Map("{ x: '2' }"));
        Assert.Equal(("2", null, "3"), (less["data.x"], less["data.y"], less["data.z"]));
        Assert.Equal(422, (await api.Send(HttpMethod.Patch, Maps, Map("{ }"), "application/apply-patch+yaml")).Code);
    }

    [Fact]
    public async Task A_field_that_another_owns_is_a_conflict_unless_forced_or_given_the_same_value()
    {
        await using Api api = await Api.Start();
        await Apply(api, Maps, "a", Map("{ x: '1', y: '1' }"));
        Answer conflict = await Apply(api, Maps, "b", Map("{ x: '2', z: '2' }"));
        Assert.Equal((409, "Conflict", "FieldManagerConflict", ".data.x", "conflict with \"a\""), (
            conflict.Code, conflict["reason"], conflict["details.causes.0.reason"], conflict["details.causes.0.field"],
            conflict["details.causes.0.message"]));
        Assert.Equal("Apply failed with 1 conflict: conflict with \"a\": .data.x", conflict["message"]);

        Assert.Equal("2", (await Apply(api, Maps, "b", Map("{ x: '2', z: '2' }"), force: true))["data.x"]);
        // What was taken from a is b's now: a drops it and nothing happens.
        Assert.Equal("2", (await Apply(api, Maps, "a", Map("{ y: '1' }")))["data.x"]);
        // Two who want the same share it, and it goes only with the last.
        Assert.Equal(200, (await Apply(api, Maps, "b", Map("{ x: '2', y: '1' }"))).Code);
        Assert.Equal("1", (await Apply(api, Maps, "a", Map("{ }")))["data.y"]);
        Assert.Null((await Apply(api, Maps, "b", Map("{ x: '2' }")))["data.y"]);
    }

    [Fact]
    public async Task A_plain_write_takes_the_fields_it_changes()
    {
        await using Api api = await Api.Start();
        await Apply(api, Maps, "a", Map("{ x: '1', y: '1' }"));
        await api.Merge(Maps + "?fieldManager=person", """{"data":{"x":"5"}}""");
        Answer conflict = await Apply(api, Maps, "a", Map("{ x: '1', y: '1' }"));
        Assert.Equal((409, "conflict with \"person\" using v1"), (conflict.Code, conflict["details.causes.0.message"]));
    }

    [Fact]
    public async Task Entries_of_lists_with_keys_have_owners_of_their_own()
    {
        await using Api api = await Api.Start();
        await Apply(api, Gateways, "a", Gateway("{ name: one, port: 80, protocol: HTTP }, { name: two, port: 81, protocol: HTTP }"));
        Answer both = await Apply(api, Gateways, "b", Gateway("{ name: three, port: 82, protocol: HTTP }"));
        Assert.Equal("one two three", Names(both, "spec.listeners"));
        Answer one = await Apply(api, Gateways, "a", Gateway("{ name: two, port: 81, protocol: HTTP }"));
        Assert.Equal("two three", Names(one, "spec.listeners"));

        Answer status = await Apply(api, Gateways + "/status", "b", """
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: { name: g }
            spec: { gatewayClassName: ignored }
            status: { conditions: [{ type: Mine, status: 'True', reason: R, message: M, lastTransitionTime: "2024-01-01T00:00:00Z" }] }
            """);
        Assert.Equal((200, "istio"), (status.Code, status["spec.gatewayClassName"]));
        Assert.Single(status.Json["status"]!["conditions"]!.AsArray(), item => (string?)item!["type"] == "Mine");
        Assert.Equal("status", status.Json["metadata"]!["managedFields"]!.AsArray()
            .Select(entry => (string?)entry!["subresource"]).Single(name => name is not null));
    }

    [Fact]
    public async Task A_container_somebody_else_cares_for_too_keeps_what_they_set()
    {
        await using Api api = await Api.Start();
        Assert.Equal(201, (await Apply(api, Deployments, "a", Deployment("{ name: c, image: i, env: [{ name: A, value: '1' }, { name: B, value: '2' }] }"))).Code);
        Assert.Equal(200, (await Apply(api, Deployments, "b", Deployment("{ name: c, env: [{ name: C, value: '3' }] }"))).Code);
        Answer less = await Apply(api, Deployments, "a", Deployment("{ name: c, image: i, env: [{ name: B, value: '2' }] }"));
        Assert.Equal("B C", Names(less, "spec.template.spec.containers.0.env"));
        Assert.Equal("i", less["spec.template.spec.containers.0.image"]);
    }

    [Fact]
    public async Task What_nobody_was_noted_down_for_belongs_to_whoever_wrote_it_before()
    {
        await using Api api = await Api.Start();
        api.Server.Put(Map("{ x: '1' }"));
        Answer conflict = await Apply(api, Maps, "a", Map("{ x: '2' }"));
        Assert.Equal((409, "conflict with \"before-first-apply\" using v1"), (conflict.Code, conflict["details.causes.0.message"]));
        Answer dry = await api.Send(
            HttpMethod.Patch, Maps + "?fieldManager=a&force=true&dryRun=All", Map("{ x: '2' }"), "application/apply-patch+yaml");
        Assert.Equal((200, "2", "1"), (dry.Code, dry["data.x"], (await api.Get(Maps))["data.x"]));
    }

    private static Task<Answer> Apply(Api api, string path, string manager, string body, bool force = false) => api.Send(
        HttpMethod.Patch, $"{path}?fieldManager={manager}{(force ? "&force=true" : "")}", body, "application/apply-patch+yaml");

    private static string Names(Answer answer, string path)
    {
        JsonNode? node = answer.Json;
        foreach (string step in path.Split('.'))
            node = int.TryParse(step, out int index) ? node![index] : node![step];
        return string.Join(' ', node!.AsArray().Select(item => (string?)item!["name"]));
    }

    private static string Map(string data) => $$"""
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: m }
        data: {{data}}
        """;

    private static string Gateway(string listeners) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: { name: g }
        spec: { gatewayClassName: istio, listeners: [{{listeners}}] }
        """;

    private static string Deployment(string container) => $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: d }
        spec:
          selector: { matchLabels: { app: d } }
          template: { metadata: { labels: { app: d } }, spec: { containers: [{{container}}] } }
        """;
}

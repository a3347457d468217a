using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What is made for Gateways at an API server, and kept.</summary>
public sealed class ReconcileTests
{
    private const string Managed = "metadata.labels.gateway~istio~io/managed";

    [Fact]
    public async Task A_gateway_gets_everything_it_needs_and_loses_it_when_it_is_deleted()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        world.Put(Manifest.Encrypted("{name: web}"));
        await Eventually.Holds(() => world.Get("Service", "shop/gw-istio") is not null);
        string uid = (string)world.Get("Gateway", "shop/gw")!["metadata"]!["uid"]!;
        foreach ((string kind, string name) in new[]
        {
            ("ServiceAccount", "shop/gw-istio"), ("Role", "shop/gw-istio-secrets"), ("RoleBinding", "shop/gw-istio-secrets"), ("Deployment", "shop/gw-istio"), ("Service", "shop/gw-istio"),
        })
        {
            Assert.Equal("\"istio.io-gateway-controller\"", world.At(kind, name, Managed));
            Assert.Equal($"\"{uid}\"", world.At(kind, name, "metadata.ownerReferences[0].uid"));
            Assert.Equal("\"ztunnel\"", world.At(kind, name, "metadata.managedFields[0].manager"));
        }

        world.Delete("Gateway", "shop/gw");
        await Eventually.Holds(() => world.Get("Deployment", "shop/gw-istio") is null && world.Get("Role", "shop/gw-istio-secrets") is null);
    }

    [Fact]
    public async Task What_somebody_changes_is_set_right_and_what_is_theirs_stays()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Edit("Deployment", "shop/waypoint", deployment =>
        {
            deployment["spec"]!["replicas"] = 7;
            deployment["spec"]!["template"]!["spec"]!["containers"]![0]!["image"] = "other:1";
            deployment["metadata"]!["annotations"]!["theirs"] = "yes";
        });
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.template.spec.containers[0].image") == "\"ztunnel:test\"");
        Assert.Equal("7", world.At("Deployment", "shop/waypoint", "spec.replicas"));
        Assert.Equal("\"yes\"", world.At("Deployment", "shop/waypoint", "metadata.annotations.theirs"));

        world.Delete("Service", "shop/waypoint");
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Delete("ServiceAccount", "shop/waypoint");
        await Eventually.Holds(() => world.Get("ServiceAccount", "shop/waypoint") is not null);
    }

    [Fact]
    public async Task Nothing_is_written_while_nothing_changes_that_is_ours()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/AddressNotAssigned", StringComparison.Ordinal));
        await world.Settled();
        long writes = world.Writes;
        world.Edit("Deployment", "shop/waypoint", deployment => deployment["status"] = new JsonObject { ["readyReplicas"] = 1 });
        world.Edit("Gateway", "shop/waypoint", gateway => gateway["metadata"]!["managedFields"] = new JsonArray());
        await world.Settled();
        Assert.Equal(writes, world.Writes);
    }

    [Fact]
    public async Task What_is_somebody_else_s_is_left_alone_and_said()
    {
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: waypoint, namespace: shop}
            spec: {selector: {matchLabels: {app: mine}}, template: {metadata: {labels: {app: mine}}, spec: {containers: [{name: a, image: mine:1}]}}}
            """);
        world.Put(Manifest.Waypoint);
        const string Said = "False/NoResources: Deployment shop/waypoint is there and has no label gateway.istio.io/managed, so that it is somebody else's: it is left as it is";
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed") == Said);
        Assert.Equal("\"mine:1\"", world.At("Deployment", "shop/waypoint", "spec.template.spec.containers[0].image"));
        Assert.Equal("absent", world.At("Deployment", "shop/waypoint", Managed));

        world.Delete("Deployment", "shop/waypoint");
        world.Edit("Gateway", "shop/waypoint", gateway => gateway["metadata"]!["annotations"] = new JsonObject { ["touched"] = "yes" });
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.template.spec.containers[0].image") == "\"ztunnel:test\"");
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/AddressNotAssigned", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_somebody_else_s_is_looked_at_again_though_nobody_tells_when_it_goes()
    {
        await using ApiServer server = await ApiServer.Start();
        var time = new ManualTime();
        ControllerWorld world = ControllerWorld.Beside(server, time: time);
        world.Put("{apiVersion: v1, kind: Service, metadata: {name: waypoint, namespace: shop}, spec: {ports: [{port: 80}]}}");
        world.Put(Manifest.Waypoint);
        world.Lead();
        await Until(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/NoResources: Service shop/waypoint is there", StringComparison.Ordinal));
        world.Delete("Service", "shop/waypoint");
        await Until(() => world.Get("Service", "shop/waypoint") is not null);
        await Until(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/AddressNotAssigned", StringComparison.Ordinal));
        await world.Leave();

        Task Until(Func<bool> condition) => Eventually.Holds(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            return condition();
        });
    }

    [Fact]
    public async Task A_service_account_that_is_there_for_gateways_serves_as_it_is()
    {
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: v1
            kind: ServiceAccount
            metadata: {name: mine, namespace: shop, labels: {ztunnel.io/gateway: "true"}}
            """);
        world.Put(Manifest.Encrypted("{name: web}").Replace("namespace: shop}", "namespace: shop, annotations: {gateway.istio.io/service-account: mine}}", StringComparison.Ordinal));
        await Eventually.Holds(() => world.At("Deployment", "shop/gw-istio", "spec.template.spec.serviceAccountName") == "\"mine\"");
        await world.Settled();
        Assert.Equal("absent", world.At("ServiceAccount", "shop/mine", Managed));
        Assert.Equal("absent", world.At("ServiceAccount", "shop/mine", "metadata.ownerReferences"));
        Assert.Equal("\"mine\"", world.At("RoleBinding", "shop/gw-istio-secrets", "subjects[0].name"));
    }

    [Fact]
    public async Task An_account_that_is_not_there_for_gateways_gets_no_rights_by_one()
    {
        // In a namespace where there is one of ours already, so that the binding is written.
        await using ControllerWorld world = await ControllerWorld.Start(
            """
            apiVersion: v1
            kind: ServiceAccount
            metadata: {name: default, namespace: shop}
            """,
            Manifest.Ingress,
            Manifest.Waypoint.Replace("namespace: shop}", "namespace: shop, annotations: {gateway.istio.io/service-account: default}}", StringComparison.Ordinal));
        const string Said = "InvalidParameters: ServiceAccount shop/default was not made for Gateways, and whatever runs as it would get to read what gateways read: "
            + "label it ztunnel.io/gateway=true, or name another in annotation gateway.istio.io/service-account";
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted") == $"False/{Said}");
        await Eventually.Holds(() => world.Subjects() == "shop/gw-istio");
        await world.Settled();
        Assert.StartsWith("False/Invalid: ServiceAccount shop/default", world.Condition("Gateway", "shop/waypoint", "Programmed"), StringComparison.Ordinal);
        Assert.Null(world.Get("Deployment", "shop/waypoint"));
        Assert.Equal("absent", world.At("ServiceAccount", "shop/default", "metadata.labels"));
        Assert.Equal("shop/gw-istio", world.Subjects());

        world.Edit("ServiceAccount", "shop/default", account => account["metadata"]!["labels"] = new JsonObject { ["ztunnel.io/gateway"] = "true" });
        world.Edit("Gateway", "shop/waypoint", gateway => gateway["metadata"]!["annotations"]!["touched"] = "yes");
        await Eventually.Holds(() => world.Subjects() == "shop/default shop/gw-istio" && world.Get("Deployment", "shop/waypoint") is not null);
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted") == "True/Accepted: Resource accepted");
    }

    [Fact]
    public async Task Parameters_are_followed_and_mistakes_in_them_keep_what_there_is()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        world.Put(Manifest.WithParameters);
        const string Missing = "False/InvalidParameters: ConfigMap shop/params does not exist";
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted") == Missing);
        Assert.Null(world.Get("Deployment", "shop/waypoint"));

        world.Put(Manifest.Parameters("  deployment: '{spec: {minReadySeconds: 4}}'\n  podDisruptionBudget: '{spec: {minAvailable: 1}}'"));
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.minReadySeconds") == "4");
        await Eventually.Holds(() => world.At("PodDisruptionBudget", "shop/waypoint", "spec.minAvailable") == "1");
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted") == "True/Accepted: Resource accepted");

        world.Put(Manifest.Parameters("  deploymnt: '{spec: {minReadySeconds: 5}}'"));
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Accepted").StartsWith("False/InvalidParameters: ConfigMap shop/params: data[deploymnt]: is not known here", StringComparison.Ordinal));
        await world.Settled();
        Assert.Equal("shop/waypoint", world.Subjects());
        Assert.Equal("4", world.At("Deployment", "shop/waypoint", "spec.minReadySeconds"));
        Assert.Equal("1", world.At("PodDisruptionBudget", "shop/waypoint", "spec.minAvailable"));

        world.Put(Manifest.Parameters("  deployment: '{spec: {minReadySeconds: 6}}'"));
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.minReadySeconds") == "6");
        await Eventually.Holds(() => world.Get("PodDisruptionBudget", "shop/waypoint") is null);
    }

    [Fact]
    public async Task What_is_set_for_a_class_is_in_all_its_gateways()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint, Manifest.Ingress);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null && world.Get("Service", "shop/gw-istio") is not null);
        world.Put("""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: defaults, namespace: istio-system, labels: {gateway.istio.io/defaults-for-class: istio-waypoint}}
            data: {deployment: "{spec: {minReadySeconds: 9}}"}
            """);
        await Eventually.Holds(() => world.At("Deployment", "shop/waypoint", "spec.minReadySeconds") == "9");
        await world.Settled();
        Assert.Equal("absent", world.At("Deployment", "shop/gw-istio", "spec.minReadySeconds"));
    }

    [Fact]
    public async Task What_had_another_name_is_taken_away()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Edit("Gateway", "shop/waypoint", gateway => gateway["metadata"]!["annotations"] = new JsonObject { ["gateway.istio.io/name-override"] = "front" });
        await Eventually.Holds(() => world.Get("Service", "shop/front") is not null && world.Get("Service", "shop/waypoint") is null && world.Get("Deployment", "shop/waypoint") is null);
        Assert.NotNull(world.Get("ServiceAccount", "shop/waypoint"));
    }

    [Theory]
    [InlineData("namespace: shop}", "namespace: shop, labels: {istio.io/rev: canary}}")]
    [InlineData("gatewayClassName: istio-waypoint", "gatewayClassName: nginx")]
    [InlineData("listeners:", "addresses: [{type: Hostname, value: front}], listeners:")]
    public async Task What_is_not_ours_to_run_is_not_made(string text, string instead)
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        world.Put(Manifest.Waypoint.Replace(text, instead, StringComparison.Ordinal));
        world.Put(Manifest.Ingress);
        await Eventually.Holds(() => world.Get("Service", "shop/gw-istio") is not null);
        await world.Settled();
        Assert.Null(world.Get("Deployment", "shop/waypoint"));
        if (!instead.StartsWith("addresses", StringComparison.Ordinal))
            Assert.Equal("absent", world.Condition("Gateway", "shop/waypoint", "Programmed").Replace("Unknown/Pending: Waiting for controller", "absent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_accounts_of_gateways_and_no_others_may_read_the_cluster()
    {
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: ztunnel-gateway, labels: {theirs: "yes"}}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ztunnel-gateway}
            """, Manifest.Waypoint, Manifest.Ingress);
        await Eventually.Holds(() => world.Subjects() == "shop/gw-istio shop/waypoint");
        Assert.Equal("\"yes\"", world.At("ClusterRoleBinding", "ztunnel-gateway", "metadata.labels.theirs"));
        world.Delete("Gateway", "shop/gw");
        await Eventually.Holds(() => world.Subjects() == "shop/waypoint");
    }

    [Theory]
    [InlineData(403)]
    [InlineData(413)]
    [InlineData(500)]
    public async Task What_the_server_refuses_is_said(int code)
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        using IDisposable fault = world.Server.Faults.Fail(code, request => request.Resource == "deployments.apps" && request.Verb == "patch");
        world.Put(Manifest.Waypoint);
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/NoResources: Deployment shop/waypoint cannot be made: ", StringComparison.Ordinal));
        // What does not depend on it is made.
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
    }

    [Fact]
    public async Task A_server_that_fails_in_passing_is_asked_again()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        using IDisposable fault = world.Server.Faults.Fail(503, request => request.Verb is "patch" or "create", times: 25);
        world.Put(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null, TimeSpan.FromSeconds(60));
    }
}

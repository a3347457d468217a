using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>Which Secrets the pods of a Gateway are given the right to read.</summary>
public sealed class SecretRightsTests
{
    private const string Plain = """[{"apiGroups":[""],"resources":["secrets"],"resourceNames":["NAME"],"verbs":["get","list","watch"]}]""";

    private const string Grant = """
        apiVersion: gateway.networking.k8s.io/v1beta1
        kind: ReferenceGrant
        metadata: {name: grant, namespace: certs}
        spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: shop}], to: [{group: "", kind: Secret, name: shared}]}
        """;

    private const string Abroad = "certs/shop.gw-istio-secrets";

    [Fact]
    public async Task Those_that_its_listeners_name_and_no_others()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        world.Put(Manifest.Encrypted("{name: web}"));
        await Eventually.Holds(() => world.At("Role", "shop/gw-istio-secrets", "rules") == Rules("web"));
        await Eventually.Holds(() => world.At("RoleBinding", "shop/gw-istio-secrets", "subjects") == """[{"kind":"ServiceAccount","name":"gw-istio","namespace":"shop"}]""");
        world.Put(Manifest.Encrypted("{name: other}"));
        await Eventually.Holds(() => world.At("Role", "shop/gw-istio-secrets", "rules") == Rules("other"));
        world.Put(Manifest.Ingress);
        await Eventually.Holds(() => world.Get("Role", "shop/gw-istio-secrets") is null && world.Get("RoleBinding", "shop/gw-istio-secrets") is null);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        Assert.Null(world.Get("Role", "shop/waypoint-secrets"));
    }

    [Fact]
    public async Task Those_that_rules_for_its_own_connections_name()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Put(Rule("client", "exportTo: ['*']"));
        await Eventually.Holds(() => world.At("Role", "shop/waypoint-secrets", "rules") == Rules("client"));
        world.Put(Rule("client", "exportTo: ['.']"));
        await Eventually.Holds(() => world.Get("Role", "shop/waypoint-secrets") is null);

        static string Rule(string secret, string exported) => $$"""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: rule, namespace: elsewhere}
            spec: {host: a.example.com, {{exported}}, trafficPolicy: {tls: {mode: MUTUAL, credentialName: {{secret}} } } }
            """;
    }

    [Fact]
    public async Task Those_in_another_namespace_as_long_as_a_ReferenceGrant_lets_it()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Encrypted("{name: shared, namespace: certs}, {name: hidden, namespace: certs}"));
        await Eventually.Holds(() => world.Get("Service", "shop/gw-istio") is not null);
        await world.Settled();
        Assert.Null(world.Get("Role", Abroad));

        world.Put(Grant);
        await Eventually.Holds(() => world.At("Role", Abroad, "rules") == Rules("shared"));
        await Eventually.Holds(() => world.At("RoleBinding", Abroad, "subjects") == """[{"kind":"ServiceAccount","name":"gw-istio","namespace":"shop"}]""");
        Assert.Equal("absent", world.At("Role", Abroad, "metadata.ownerReferences"));
        Assert.Equal("\"shop\"", world.At("Role", Abroad, "metadata.labels.ztunnel~io/gateway-namespace"));
        world.Delete("RoleBinding", Abroad);
        await Eventually.Holds(() => world.Get("RoleBinding", Abroad) is not null);

        world.Delete("ReferenceGrant", "certs/grant");
        await Eventually.Holds(() => world.Get("Role", Abroad) is null && world.Get("RoleBinding", Abroad) is null);
    }

    [Theory]
    [InlineData("", "", "infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: none}},")]
    [InlineData("", "", "infrastructure: {parametersRef: {group: other, kind: Unknown, name: none}},")]
    [InlineData("", "", "addresses: [{type: Hostname, value: edge.example.com}],")]
    [InlineData("labels: {istio.io/rev: other},", "", "")]
    [InlineData("", "other", "")]
    [InlineData("annotations: {gateway.istio.io/service-account: builder},", "", "")]
    [InlineData("annotations: {networking.istio.io/service-type: Nonsense},", "", "")]
    [InlineData("", "", "", "serviceaccounts", "get")]
    [InlineData("annotations: {gateway.istio.io/name-override: anew},", "", "", "deployments.apps", "patch")]
    [InlineData("finalizers: [example.com/stay],", "", "")]
    public async Task A_right_that_was_taken_back_goes_whatever_is_wrong_with_the_Gateway(
        string metadata, string ofClass, string spec, string? failing = null, string? failed = null)
    {
        const string Account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: builder, namespace: shop}}";
        await using ControllerWorld world = await ControllerWorld.Start(Grant, Account, Manifest.Encrypted("{name: shared, namespace: certs}, {name: web}, {name: old}"));
        await Eventually.Holds(() => world.Get("RoleBinding", Abroad) is not null && world.Get("RoleBinding", "shop/gw-istio-secrets") is not null);
        await Eventually.Holds(() => world.Get("Deployment", "shop/gw-istio") is not null);
        using IDisposable? fault = failing is null ? null : world.Server.Faults.Fail(500, request => request.Resource == failing && request.Verb == failed);
        if (failing == "serviceaccounts")
            world.Delete("ServiceAccount", "shop/gw-istio");

        world.Put(Manifest.Encrypted("{name: shared, namespace: certs}, {name: web}")
            .Replace("namespace: shop}", $"namespace: shop, {metadata}}}", StringComparison.Ordinal)
            .Replace("spec: {gatewayClassName: istio,", $"spec: {{gatewayClassName: {(ofClass.Length > 0 ? ofClass : "istio")}, {spec}", StringComparison.Ordinal));
        if (metadata.StartsWith("finalizers", StringComparison.Ordinal))
            world.Delete("Gateway", "shop/gw");
        world.Delete("ReferenceGrant", "certs/grant");
        await Eventually.Holds(() => world.Get("Role", Abroad) is null && world.Get("RoleBinding", Abroad) is null);
        if (spec.StartsWith("infrastructure", StringComparison.Ordinal))
            await Eventually.Holds(() => world.At("Role", "shop/gw-istio-secrets", "rules") == Rules("web"));
    }

    [Fact]
    public async Task What_is_made_in_another_namespace_carries_nothing_of_the_Gateways_choice()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Grant, Manifest.Encrypted("{name: shared, namespace: certs}").Replace(
            "namespace: shop}", "namespace: shop, labels: {argocd.argoproj.io/instance: theirs}, annotations: {a: b}}", StringComparison.Ordinal));
        await Eventually.Holds(() => world.Get("RoleBinding", Abroad) is not null && world.Get("Service", "shop/gw-istio") is not null);
        Assert.Equal("\"theirs\"", world.At("Service", "shop/gw-istio", "metadata.labels.argocd~argoproj~io/instance"));
        foreach (string kind in new[] { "Role", "RoleBinding" })
        {
            Assert.Equal("absent", world.At(kind, Abroad, "metadata.annotations"));
            Assert.Equal(
                ["gateway.istio.io/managed", "gateway.networking.k8s.io/gateway-class-name", "gateway.networking.k8s.io/gateway-name", "istio.io/rev", "ztunnel.io/gateway-namespace"],
                ((JsonObject)world.Get(kind, Abroad)!["metadata"]!["labels"]!).Select(label => label.Key).Order(StringComparer.Ordinal),
                StringComparer.Ordinal);
        }
    }

    [Fact]
    public async Task Rights_in_another_namespace_that_another_revision_gave_are_its_to_take()
    {
        await using ControllerWorld world = await ControllerWorld.Start(
            $$"""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: shop.gw-istio-secrets
              namespace: certs
              labels:
                {gateway.istio.io/managed: istio.io-gateway-controller, gateway.networking.k8s.io/gateway-name: gw, ztunnel.io/gateway-namespace: shop, istio.io/rev: other}
            rules: []
            """,
            Manifest.Ingress.Replace("namespace: shop}", "namespace: shop, labels: {istio.io/rev: other}}", StringComparison.Ordinal));
        await world.Settled();
        Assert.NotNull(world.Get("Role", Abroad));
    }

    [Fact]
    public async Task Rights_in_another_namespace_go_with_the_Gateway_whoever_leads()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Grant, Manifest.Encrypted("{name: shared, namespace: certs}"));
        await Eventually.Holds(() => world.Get("RoleBinding", Abroad) is not null);
        world.Delete("Gateway", "shop/gw");
        await Eventually.Holds(() => world.Get("Role", Abroad) is null && world.Get("RoleBinding", Abroad) is null);

        world.Put(Manifest.Encrypted("{name: shared, namespace: certs}"));
        await Eventually.Holds(() => world.Get("RoleBinding", Abroad) is not null);
        await world.Resign();
        world.Delete("Gateway", "shop/gw");
        await Eventually.Holds(() => !world.Knows("gw"));
        Assert.NotNull(world.Get("RoleBinding", Abroad));
        world.Lead();
        await Eventually.Holds(() => world.Get("Role", Abroad) is null && world.Get("RoleBinding", Abroad) is null);
    }

    [Fact]
    public async Task Rights_in_another_namespace_stay_while_Gateways_merely_cannot_be_read()
    {
        await using ApiServer server = await ApiServer.Start();
        server.Put(Manifest.Ingress);
        server.Put("""
            apiVersion: rbac.authorization.k8s.io/v1
            kind: Role
            metadata:
              name: shop.gw-istio-secrets
              namespace: certs
              labels: {gateway.istio.io/managed: istio.io-gateway-controller, gateway.networking.k8s.io/gateway-name: gw, ztunnel.io/gateway-namespace: shop}
            rules: []
            """);
        using IDisposable fault = server.Faults.Fail(403, request => request.Resource == "gateways.gateway.networking.k8s.io" && request.Verb is "list" or "watch");
        ControllerWorld world = ControllerWorld.Beside(server);
        world.Lead();
        await Eventually.Holds(() => server.Counters.Requests("get", "gateways.gateway.networking.k8s.io") > 0);
        await world.Leave();
        Assert.NotNull(world.Get("Role", Abroad));
    }

    private static string Rules(string name) => Plain.Replace("NAME", name, StringComparison.Ordinal);
}

using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What statuses say at an API server.</summary>
public sealed class StatusTests
{
    private const string Host = "gw-istio.shop.svc.cluster.local";

    private const string Route = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: shop}
        spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
        """;

    [Fact]
    public async Task A_gateway_comes_up_and_says_so()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Ingress, Route, Manifest.Service("web"));
        await Eventually.Holds(() => world.Condition("Gateway", "shop/gw", "Programmed") == $"False/AddressNotAssigned: Failed to assign to any requested addresses: no instances found for hostname \"{Host}\"");
        Assert.Equal("True/Accepted: Resource accepted", world.Condition("Gateway", "shop/gw", "Accepted"));

        world.Put(Manifest.Slice("gw-istio", "http", 80));
        await Eventually.Holds(() => world.Condition("Gateway", "shop/gw", "Programmed").EndsWith($"address pending for hostname \"{Host}\"", StringComparison.Ordinal));

        world.Edit("Service", "shop/gw-istio", service => service["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = new JsonArray(new JsonObject { ["ip"] = "203.0.113.7" }) } });
        await Eventually.Holds(() => world.Condition("Gateway", "shop/gw", "Programmed") == $"True/Programmed: Resource programmed, assigned to service(s) {Host}:80");
        Assert.Equal("""[{"type":"IPAddress","value":"203.0.113.7"}]""", world.At("Gateway", "shop/gw", "status.addresses"));
        Assert.Equal("1", world.At("Gateway", "shop/gw", "status.conditions[0].observedGeneration"));
        Assert.Equal("1", world.At("Gateway", "shop/gw", "status.listeners[0].attachedRoutes"));
        Assert.Equal("True/Programmed: No errors found", ControllerWorld.Condition(world.Get("Gateway", "shop/gw")!["status"]!["listeners"]![0]!["conditions"], "Programmed"));
        Assert.Equal("\"istio.io/gateway-controller\"", world.At("HTTPRoute", "shop/web", "status.parents[0].controllerName"));
        Assert.Equal("True/Accepted: Route was valid", ControllerWorld.Condition(world.Get("HTTPRoute", "shop/web")!["status"]!["parents"]![0]!["conditions"], "Accepted"));
    }

    [Fact]
    public async Task Classes_are_made_where_there_are_none_and_say_whose_they_are()
    {
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata: {name: istio, labels: {mine: "yes"}}
            spec: {controllerName: example.com/other}
            """);
        await Eventually.Holds(() => world.Condition("GatewayClass", "istio-waypoint", "Accepted").StartsWith("True/Accepted", StringComparison.Ordinal));
        Assert.Equal("\"istio.io/mesh-controller\"", world.At("GatewayClass", "istio-waypoint", "spec.controllerName"));
        Assert.Equal("\"example.com/other\"", world.At("GatewayClass", "istio", "spec.controllerName"));
        Assert.DoesNotContain("True", world.Condition("GatewayClass", "istio", "Accepted"), StringComparison.Ordinal);

        // One that is deleted is made again, and one whose status is wiped says it again.
        world.Server.Objects.Delete("gateway.networking.k8s.io/v1", "GatewayClass", "", "istio-waypoint");
        await Eventually.Holds(() => world.Condition("GatewayClass", "istio-waypoint", "Accepted").StartsWith("True/Accepted", StringComparison.Ordinal));
        world.Edit("GatewayClass", "istio-waypoint", @class => @class["status"] = new JsonObject());
        await Eventually.Holds(() => world.Condition("GatewayClass", "istio-waypoint", "Accepted").StartsWith("True/Accepted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_service_says_whether_its_waypoint_has_it()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Service("web", "istio.io/use-waypoint: waypoint"), Manifest.Service("plain"));
        await Eventually.Holds(() => world.Condition("Service", "shop/web", "istio.io/WaypointBound").StartsWith("False/WaypointIsNotReady", StringComparison.Ordinal));
        world.Put(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Put(Manifest.WaypointInstance);
        await Eventually.Holds(() => world.Condition("Service", "shop/web", "istio.io/WaypointBound") == "True/WaypointAccepted: Successfully attached to waypoint shop/waypoint");
        Assert.Equal("absent", world.Condition("Service", "shop/plain", "istio.io/WaypointBound"));

        world.Edit("Service", "shop/web", service => ((JsonObject)service["metadata"]!).Remove("labels"));
        await Eventually.Holds(() => world.Condition("Service", "shop/web", "istio.io/WaypointBound") == "absent");
    }

    [Fact]
    public async Task A_policy_says_where_it_is_enforced()
    {
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: plain, namespace: shop}
            spec: {action: ALLOW, rules: [{from: [{source: {namespaces: [a]}}]}]}
            ---
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: attached, namespace: shop}
            spec: {targetRefs: [{kind: Service, group: "", name: web}], action: DENY, rules: [{}]}
            """);
        await Eventually.Holds(() => world.Condition("AuthorizationPolicy", "shop/plain", "ZtunnelAccepted") == "True/Accepted: attached to ztunnel");
        await Eventually.Holds(() => world.Condition("AuthorizationPolicy", "shop/attached", "WaypointAccepted") == "False/TargetNotFound: Service shop/web not found");
        world.Put(Manifest.Service("web", "istio.io/use-waypoint: waypoint"));
        world.Put(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
        world.Put(Manifest.WaypointInstance);
        await Eventually.Holds(() => world.Condition("AuthorizationPolicy", "shop/attached", "WaypointAccepted") == "True/Accepted: bound to shop/waypoint");
    }

    [Fact]
    public async Task What_other_controllers_say_stays_whoever_writes_first()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Ingress, Manifest.Service("web"));
        // Whatever we know of the route when we write, somebody has written since.
        int others = 0;
        using IDisposable race = world.Server.Faults.Fail(409, request =>
        {
            if (request.Resource != "httproutes.gateway.networking.k8s.io" || request.Verb != "patch" || Interlocked.Increment(ref others) > 2)
                return false;
            world.Edit("HTTPRoute", "shop/web", route =>
            {
                if (route["status"]?["parents"] is not JsonArray parents)
                    (route["status"] ??= new JsonObject())["parents"] = parents = [];
                var parent = new JsonObject { ["name"] = $"theirs-{others}" };
                parents.Add((JsonNode)new JsonObject { ["controllerName"] = "example.com/other", ["parentRef"] = parent, ["conditions"] = new JsonArray() });
            });
            return false;
        });
        world.Put(Route);
        await Eventually.Holds(() => world.Get("HTTPRoute", "shop/web")?["status"]?["parents"] is JsonArray { Count: 3 });
        Assert.Equal(
            "example.com/other example.com/other istio.io/gateway-controller",
            string.Join(' ', world.Get("HTTPRoute", "shop/web")!["status"]!["parents"]!.AsArray().Select(parent => parent!["controllerName"])));
        // Each time it was read again at once, not at leisure.
        Assert.InRange(world.Server.Counters.Requests("get", "httproutes.gateway.networking.k8s.io"), 2, 6);
    }

    [Fact]
    public async Task Nothing_is_written_to_an_object_that_was_worked_out_for_one_before_it()
    {
        await using ControllerWorld world = await ControllerWorld.Start(new ObjectKey(ObjectKind.Gateway, "shop", "gw"), Manifest.Ingress, Manifest.Service("web"));
        world.Put(Manifest.Ingress.Replace("port: 80", "port: 81", StringComparison.Ordinal));
        await Eventually.Holds(() => world.At("Gateway", "shop/gw", "status.conditions[0].observedGeneration") == "2");
        await world.Settled();

        // It is made anew before that is known, and there is something new to say of the one that was.
        world.Lag!.Hold();
        world.Delete("Gateway", "shop/gw");
        world.Put(Manifest.Ingress);
        long read = world.Server.Counters.Requests("get", "gateways.gateway.networking.k8s.io");
        world.Put(Route);
        await Eventually.Holds(() => world.Server.Counters.Requests("get", "gateways.gateway.networking.k8s.io") > read);
        await world.Settled();
        Assert.StartsWith("Unknown", world.Condition("Gateway", "shop/gw", "Accepted"), StringComparison.Ordinal);

        world.Lag.LetGo();
        await Eventually.Holds(() => world.At("Gateway", "shop/gw", "status.conditions[0].observedGeneration") == "1");
        Assert.Equal("1", world.At("Gateway", "shop/gw", "status.listeners[0].attachedRoutes"));
    }

    [Fact]
    public async Task What_the_server_does_not_keep_is_written_once()
    {
        // As Istio's definitions were.
        await using ControllerWorld world = await ControllerWorld.Start("""
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: authorizationpolicies.security.istio.io}
            spec:
              group: security.istio.io
              names: {plural: authorizationpolicies, singular: authorizationpolicy, kind: AuthorizationPolicy, listKind: AuthorizationPolicyList}
              scope: Namespaced
              versions:
              - name: v1
                served: true
                storage: true
                subresources: {status: {}}
                schema:
                  openAPIV3Schema:
                    type: object
                    properties:
                      spec: {type: object, x-kubernetes-preserve-unknown-fields: true}
                      status:
                        type: object
                        properties:
                          conditions:
                            type: array
                            items:
                              type: object
                              properties: {type: {type: string}, status: {type: string}, reason: {type: string}, message: {type: string}}
            ---
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: plain, namespace: shop}
            spec: {action: ALLOW, rules: [{from: [{source: {namespaces: [a]}}]}]}
            """);
        await Eventually.Holds(() => world.Condition("AuthorizationPolicy", "shop/plain", "ZtunnelAccepted") == "True/Accepted: attached to ztunnel");
        Assert.Equal("absent", world.At("AuthorizationPolicy", "shop/plain", "status.conditions[0].observedGeneration"));
        await world.Settled();
        long written = Written();
        for (int change = 0; change < 3; change++)
        {
            world.Edit("AuthorizationPolicy", "shop/plain", policy => policy["metadata"]!["labels"] = new JsonObject { ["change"] = $"{change}" });
            await world.Settled();
        }

        Assert.Equal(written, Written());
        world.Edit("AuthorizationPolicy", "shop/plain", policy => policy["status"] = new JsonObject());
        await Eventually.Holds(() => world.Condition("AuthorizationPolicy", "shop/plain", "ZtunnelAccepted") == "True/Accepted: attached to ztunnel");

        long Written() => world.Server.Counters.Requests("patch", "authorizationpolicies.security.istio.io");
    }

    [Fact]
    public async Task Each_collection_is_watched_once()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Ingress, Manifest.Service("web"), Route);
        await world.Settled();
        foreach (ObjectKind kind in KubernetesSource.KindsOf(MeshRole.Controller))
        {
            // Those services that are made for Gateways are a collection of their own, and Secrets none: no listener names any.
            int watches = kind == ObjectKind.Service ? 2 : kind == ObjectKind.Secret ? 0 : 1;
            Assert.Equal((kind, watches), (kind, world.Server.Counters.Watches(ApiResource.Of(kind).FullName)));
        }
    }

    [Fact]
    public async Task Changes_that_come_together_are_written_once()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Ingress, Manifest.Service("web"), Route);
        await Eventually.Holds(() => world.At("Gateway", "shop/gw", "status.listeners[0].attachedRoutes") == "1");
        await world.Settled();
        long before = world.Server.Counters.Requests("patch", "gateways.gateway.networking.k8s.io");
        for (int route = 0; route < 50; route++)
            world.Put(Route.Replace("name: web, namespace", $"name: web-{route}, namespace", StringComparison.Ordinal));
        await Eventually.Holds(() => world.At("Gateway", "shop/gw", "status.listeners[0].attachedRoutes") == "51");
        long written = world.Server.Counters.Requests("patch", "gateways.gateway.networking.k8s.io") - before;
        Assert.InRange(written, 1, 20);
    }

    [Fact]
    public async Task A_slow_server_gets_what_holds_in_the_end()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint);
        using (world.Server.Faults.Delay(TimeSpan.FromMilliseconds(300), request => request.Verb is "patch" or "get"))
        {
            world.Put(Manifest.Service("web", "istio.io/use-waypoint: waypoint"));
            await Eventually.Holds(() => world.Get("Service", "shop/waypoint") is not null);
            world.Put(Manifest.WaypointInstance);
            await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("True", StringComparison.Ordinal));
            await Eventually.Holds(() => world.Condition("Service", "shop/web", "istio.io/WaypointBound").StartsWith("True", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_route_that_is_served_in_an_older_version_says_how_it_stands()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Ingress.Replace("protocol: HTTP", "protocol: TCP", StringComparison.Ordinal), Manifest.Service("web"));
        world.Put("""
            apiVersion: gateway.networking.k8s.io/v1alpha2
            kind: TCPRoute
            metadata: {name: raw, namespace: shop}
            spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 80}]}]}
            """);
        await Eventually.Holds(() => ControllerWorld.Condition(
            (world.Server.Objects.Get("gateway.networking.k8s.io/v1alpha2", "TCPRoute", "shop", "raw")?["status"]?["parents"] as JsonArray)?.FirstOrDefault()?["conditions"], "Accepted") == "True/Accepted: Route was valid");
    }
}

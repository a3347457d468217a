using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests;

/// <summary>Gateway API objects from a few words, and what is made of them.</summary>
internal static class GatewayManifests
{
    /// <summary>A Gateway; each listener is the fields of one, <c>name: http, port: 80, protocol: HTTP</c>.</summary>
    public static string Gateway(string name, string[] listeners, string @namespace = "infra", string spec = "", string metadata = "", string @class = "istio") => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: {{name}}, namespace: {{@namespace}}{{Also(metadata)}} }
        spec: {gatewayClassName: {{@class}}, listeners: [{{string.Join(", ", listeners.Select(listener => $"{{{listener}}}"))}}]{{Also(spec)}} }

        """;

    public static string Listener(string name, int port = 80, string? hostname = null, string protocol = "HTTP", string also = "") =>
        $"name: {name}, port: {port}, protocol: {protocol}{(hostname is null ? "" : $", hostname: \"{hostname}\"")}{Also(also)}";

    public static string Https(string name, string certificates, string? hostname = null, int port = 443) =>
        Listener(name, port, hostname, "HTTPS", $"tls: {{certificateRefs: [{certificates}]}}");

    /// <summary>A listener that routes of every namespace may attach to.</summary>
    public static string Open(string name, int port = 80, string? hostname = null) => Listener(name, port, hostname, also: "allowedRoutes: {namespaces: {from: All}}");

    /// <summary>An HTTPRoute; <paramref name="parents"/> and <paramref name="rules"/> are the items of its lists.</summary>
    public static string Route(string name, string parents, string rules = "{backendRefs: [{name: web, port: 80}]}", string @namespace = "infra", string hostnames = "", string metadata = "", string kind = "HTTPRoute") => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: {{kind}}
        metadata: {name: {{name}}, namespace: {{@namespace}}{{Also(metadata)}} }
        spec: {parentRefs: [{{parents}}], hostnames: [{{hostnames}}], rules: [{{rules}}]}

        """;

    public static string GrpcRoute(string name, string parents, string rules = "{backendRefs: [{name: web, port: 80}]}", string @namespace = "infra", string hostnames = "", string metadata = "") =>
        Route(name, parents, rules, @namespace, hostnames, metadata, "GRPCRoute");

    public static string Grant(string @namespace, string from, string to, string name = "grant") => $$"""
        apiVersion: gateway.networking.k8s.io/v1beta1
        kind: ReferenceGrant
        metadata: {name: {{name}}, namespace: {{@namespace}} }
        spec: {from: [{{from}}], to: [{{to}}]}

        """;

    public static string Secret(string name, string certificate, string key, string @namespace = "infra", string type = "kubernetes.io/tls") => $$"""
        apiVersion: v1
        kind: Secret
        metadata: {name: {{name}}, namespace: {{@namespace}} }
        type: {{type}}
        data: {tls.crt: {{Base64(certificate)}}, tls.key: {{Base64(key)}} }

        """;

    public static string Class(string name, string controller) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: GatewayClass
        metadata: {name: {{name}} }
        spec: {controllerName: {{controller}} }

        """;

    /// <summary>The conditions of an object, <c>Accepted=True/Accepted Programmed=...</c>; null where there is no status.</summary>
    public static string? Conditions(this World world, ObjectKind kind, string name, string @namespace = "infra") =>
        world.Status(kind, name, @namespace) is { } status ? Text(status.Conditions) : null;

    public static GatewayApiStatus? Status(this World world, ObjectKind kind, string name, string @namespace = "infra") =>
        world.Translator.Inventory.StatusOf(new ObjectKey(kind, @namespace, name));

    /// <summary>A listener's conditions, those that say nothing out of the ordinary left out.</summary>
    public static string Listener(this World world, string gateway, string listener)
    {
        ListenerStatus status = world.Status(ObjectKind.Gateway, gateway)!.Listeners.Single(candidate => string.Equals(candidate.Name, listener, StringComparison.Ordinal));
        string[] usual = ["Accepted=True/Accepted", "Programmed=True/Programmed", "ResolvedRefs=True/ResolvedRefs", "Conflicted=False/NoConflicts"];
        return string.Join(' ', status.Conditions.Select(condition => condition.ToString()).Except(usual, StringComparer.Ordinal));
    }

    public static int AttachedRoutes(this World world, string gateway, string listener) =>
        world.Status(ObjectKind.Gateway, gateway)!.Listeners.Single(candidate => string.Equals(candidate.Name, listener, StringComparison.Ordinal)).AttachedRoutes;

    /// <summary>How a route stands with each of its parents, <c>Accepted ResolvedRefs</c> for nothing out of the ordinary.</summary>
    public static string Parents(this World world, string route, ObjectKind? kind = null, string @namespace = "infra") =>
        string.Join("; ", world.Status(kind ?? ObjectKind.HttpRoute, route, @namespace)!.Parents.Select(parent => string.Join(' ', parent.Conditions.Select(Short))));

    /// <summary>The route and backends a request is answered by, <c>name -> service:port weight</c>; null for no route (404).</summary>
    public static string? Ask(this World world, string gateway, string host, string path = "/", ushort port = 80, string method = "GET") =>
        HttpPort.Of(world.Mesh.HttpGateways.Where(candidate => string.Equals(candidate.Name.Name, gateway, StringComparison.Ordinal)))
            .SingleOrDefault(candidate => candidate.Number == port)?.ListenerFor(host)?.Routes.Ask(host, path, method);

    public static string? Ask(this HttpRouteTable table, string host, string path = "/", string method = "GET") =>
        table.Match(new HttpRequestFacts { Host = host, Method = method, Path = path }) is { Rule: var rule }
            ? $"{rule.Route.Name} -> {string.Join(" + ", rule.Backends.Select(backend => backend.Fault is null ? $"{backend.Service}:{backend.Port}{(backend.Weight == 1 ? "" : $" {backend.Weight}")}" : "500"))}"
            : null;

    private static string Text(IEnumerable<StatusCondition> conditions) => string.Join(' ', conditions);

    private static string Short(StatusCondition condition) =>
        condition.Status && string.Equals(condition.Reason, condition.Type, StringComparison.Ordinal) ? condition.Type : condition.ToString();

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));

    private static string Also(string fields) => fields.Length == 0 ? "" : ", " + fields;
}

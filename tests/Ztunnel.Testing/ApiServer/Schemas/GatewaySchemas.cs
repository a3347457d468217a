using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>The Gateway API's kinds, as their CustomResourceDefinitions have it.</summary>
internal static class GatewaySchemas
{
    private const string Epoch = "1970-01-01T00:00:00Z", Group = "\"gateway.networking.k8s.io\"";

    private static readonly ImmutableArray<Rule> Conditions = ConditionRules("status.conditions[]");

    /// <summary>A GatewayClass.</summary>
    public static readonly Schema GatewayClass = new()
    {
        Defaults = [("status", $"{{\"conditions\":[{Waiting("Accepted", "Waiting for controller", "Waiting")}]}}")],
        Rules =
        [
            Rule.Required("spec"), Rule.Required("spec.controllerName"), Rule.Immutable("spec.controllerName"), .. Conditions,
            Rule.Form("spec.controllerName", "^[a-z0-9.-]+/[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+$", "must be a domain-prefixed path"),
        ],
    };

    /// <summary>A Gateway.</summary>
    public static readonly Schema Gateway = new()
    {
        Defaults =
        [
            ("spec.listeners[].allowedRoutes", "{}"), ("spec.listeners[].allowedRoutes.namespaces", "{}"),
            ("spec.listeners[].allowedRoutes.namespaces.from", "\"Same\""), ("spec.listeners[].allowedRoutes.kinds[].group", Group),
            ("spec.listeners[].tls.mode", "\"Terminate\""), ("spec.listeners[].tls.certificateRefs[].group", "\"\""),
            ("spec.listeners[].tls.certificateRefs[].kind", "\"Secret\""), ("spec.addresses[].type", "\"IPAddress\""),
            ("status", $"{{\"conditions\":[{Waiting("Accepted", "Waiting for controller", "Pending")},{Waiting("Programmed", "Waiting for controller", "Pending")}]}}"),
        ],
        Rules =
        [
            Rule.Required("spec"), Rule.Required("spec.gatewayClassName"), Rule.Required("spec.listeners"), Rule.Count("spec.listeners", 1, 64),
            Rule.Required("spec.listeners[].name"), Rule.Required("spec.listeners[].port"), Rule.Required("spec.listeners[].protocol"),
            Rule.Range("spec.listeners[].port", 1, 65535), Rule.Unique("spec.listeners", "name"),
            Rule.OneOf("spec.listeners[].allowedRoutes.namespaces.from", "All", "Selector", "Same", "None"),
            Rule.OneOf("spec.listeners[].tls.mode", "Terminate", "Passthrough"), Hostname("spec.listeners[].hostname"),
            Rule.Required("spec.addresses[].value"), Rule.Count("spec.addresses", 0, 16),
            Rule.Holds("spec.listeners", static listeners => All(listeners, static listener => Text(listener, "protocol") is not ("HTTP" or "TCP" or "UDP") || listener["tls"] is null),
                "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"),
            Rule.Holds("spec.listeners", static listeners => All(listeners, static listener => Text(listener, "protocol") != "HTTPS" || Text(listener["tls"], "mode") is "Terminate" or ""),
                "tls mode must be Terminate for protocol HTTPS"),
            Rule.Holds("spec.listeners", static listeners => All(listeners, static listener => Text(listener, "protocol") is not ("TCP" or "UDP") || Text(listener, "hostname").Length == 0),
                "hostname must not be specified for protocols ['TCP', 'UDP']"),
            Rule.Holds("spec.listeners", DistinctListeners, "Combination of port, protocol and hostname must be unique for each listener"),
            .. Conditions, .. ConditionRules("status.listeners[].conditions[]"), Rule.Required("status.listeners[].name"),
            Rule.Required("status.listeners[].attachedRoutes"), Rule.Required("status.addresses[].value"), Rule.Count("status.addresses", 0, 16),
        ],
    };

    /// <summary>An HTTPRoute.</summary>
    public static readonly Schema HttpRoute = Route(
        [
            ("spec.rules", "[{}]"), ("spec.rules[].matches", "[{}]"), ("spec.rules[].matches[].path", "{}"),
            ("spec.rules[].matches[].path.type", "\"PathPrefix\""), ("spec.rules[].matches[].path.value", "\"/\""),
            ("spec.rules[].matches[].headers[].type", "\"Exact\""), ("spec.rules[].matches[].queryParams[].type", "\"Exact\""),
            ("spec.rules[].filters[].requestRedirect.statusCode", "302"), .. BackendDefaults("spec.rules[].filters[].requestMirror.backendRef", weight: false),
        ],
        Rule.OneOf("spec.rules[].matches[].path.type", "Exact", "PathPrefix", "RegularExpression"),
        Rule.Holds("spec.rules[].matches[].path", static path => Text(path, "type") == "RegularExpression" || Text(path, "value").StartsWith('/'),
            "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']"),
        Rule.OneOf("spec.rules[].matches[].headers[].type", "Exact", "RegularExpression"), Rule.Required("spec.rules[].matches[].headers[].name"),
        Rule.Required("spec.rules[].matches[].headers[].value"), Rule.Required("spec.rules[].matches[].queryParams[].name"),
        Rule.OneOf(
            "spec.rules[].matches[].method", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"),
        Rule.Required("spec.rules[].filters[].type"),
        Rule.OneOf(
            "spec.rules[].filters[].type", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite",
            "ExtensionRef", "CORS"),
        Rule.OneOf("spec.rules[].filters[].requestRedirect.scheme", "http", "https"),
        Rule.Form("spec.rules[].timeouts.request", Duration, "must be a duration"), Rule.Form("spec.rules[].timeouts.backendRequest", Duration, "must be a duration"),
        Hostname("spec.hostnames[]"));

    /// <summary>A GRPCRoute.</summary>
    public static readonly Schema GrpcRoute = Route(
        [("spec.rules[].matches[].method.type", "\"Exact\""), ("spec.rules[].matches[].headers[].type", "\"Exact\"")],
        Hostname("spec.hostnames[]"));

    /// <summary>A route of connections: TLSRoute, TCPRoute, UDPRoute.</summary>
    public static readonly Schema StreamRoute = Route([], Rule.Required("spec.rules"), Hostname("spec.hostnames[]"));

    /// <summary>A ReferenceGrant.</summary>
    public static readonly Schema ReferenceGrant = new()
    {
        Rules =
        [
            Rule.Required("spec.from"), Rule.Required("spec.to"), Rule.Required("spec.from[].kind"), Rule.Required("spec.from[].namespace"),
            Rule.Required("spec.to[].kind"),
        ],
    };

    /// <summary>A BackendTLSPolicy.</summary>
    public static readonly Schema BackendTlsPolicy = new()
    {
        Rules =
        [
            Rule.Required("spec.targetRefs"), Rule.Required("spec.validation"), Rule.Required("spec.validation.hostname"),
            Rule.Required("status.ancestors[].ancestorRef"), Rule.Required("status.ancestors[].controllerName"),
            .. ConditionRules("status.ancestors[].conditions[]"),
        ],
    };

    private const string Duration = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

    private static Schema Route((string Path, string Json)[] defaults, params Rule[] rules) => new()
    {
        Defaults =
        [
            ("spec.parentRefs[].group", Group), ("spec.parentRefs[].kind", "\"Gateway\""), .. defaults,
            .. BackendDefaults("spec.rules[].backendRefs[]", weight: true),
            ("status.parents[].parentRef.group", Group), ("status.parents[].parentRef.kind", "\"Gateway\""),
        ],
        Rules =
        [
            Rule.Required("spec"), Rule.Required("spec.parentRefs[].name"), Rule.Count("spec.parentRefs", 0, 32), Rule.Count("spec.rules", 1, 16),
            Rule.Required("spec.rules[].backendRefs[].name"), Rule.Range("spec.rules[].backendRefs[].port", 1, 65535),
            Rule.Range("spec.rules[].backendRefs[].weight", 0, 1_000_000),
            Rule.Holds("spec.rules[].backendRefs[]", static reference => Text(reference, "kind") != "Service" || Text(reference, "group").Length > 0 || reference["port"] is not null,
                "Must have port for Service reference"),
            Rule.Required("status.parents[].parentRef"), Rule.Required("status.parents[].controllerName"), Rule.Required("status.parents[].parentRef.name"),
            .. ConditionRules("status.parents[].conditions[]"), .. rules,
        ],
    };

    private static (string Path, string Json)[] BackendDefaults(string path, bool weight) =>
    [
        ($"{path}.group", "\"\""), ($"{path}.kind", "\"Service\""), .. weight ? [($"{path}.weight", "1")] : Array.Empty<(string, string)>(),
    ];

    private static ImmutableArray<Rule> ConditionRules(string path) =>
    [
        Rule.Required($"{path}.type"), Rule.Required($"{path}.status"), Rule.Required($"{path}.reason"), Rule.Required($"{path}.lastTransitionTime"),
        Rule.OneOf($"{path}.status", "True", "False", "Unknown"), Rule.Form($"{path}.reason", "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$", "must be a word in CamelCase"),
        new Rule($"{path}.message", static (place, _) => place.Value is null ? new Cause("FieldValueRequired", "Required value", place.Path) : null),
    ];

    private static Rule Hostname(string path) => Rule.Form(
        path, "^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", "must be a host name, perhaps with a wildcard as its first label");

    private static string Waiting(string type, string message, string reason) =>
        $$"""{"type":"{{type}}","status":"Unknown","reason":"{{reason}}","message":"{{message}}","lastTransitionTime":"{{Epoch}}"}""";

    private static bool All(JsonNode list, Func<JsonNode, bool> holds) => (list as JsonArray ?? []).All(item => item is null || holds(item));

    private static bool DistinctListeners(JsonNode list)
    {
        string[] keys = [.. (list as JsonArray ?? []).Select(listener => $"{Text(listener, "port")}/{Text(listener, "protocol")}/{Text(listener, "hostname")}")];
        return keys.Distinct(StringComparer.Ordinal).Count() == keys.Length;
    }

    private static string Text(JsonNode? node, string name) => node?[name]?.ToString() ?? "";
}

using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Kinds of which little is said: core objects without pods, and Istio's.</summary>
internal static class PlainSchemas
{
    private const string Rbac = "\"rbac.authorization.k8s.io\"";

    /// <summary>A Service; its addresses are <see cref="ServiceAddresses"/>' matter.</summary>
    public static readonly Schema Service = new()
    {
        IsName = Names.IsServiceName,
        Defaults =
        [
            ("spec", "{}"), ("spec.type", "\"ClusterIP\""), ("spec.sessionAffinity", "\"None\""), ("spec.ports[].protocol", "\"TCP\""), ("status", "{}"),
            ("status.loadBalancer", "{}"),
        ],
        Complete = static value =>
        {
            foreach (JsonNode? port in value["spec"]?["ports"] as JsonArray ?? [])
                port!["targetPort"] ??= port["port"]?.DeepClone();
        },
        Rules =
        [
            Rule.OneOf("spec.type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"), Rule.OneOf("spec.sessionAffinity", "ClientIP", "None"),
            Rule.Required("spec.ports[].port"), Rule.Range("spec.ports[].port", 1, 65535), Rule.OneOf("spec.ports[].protocol", "SCTP", "TCP", "UDP"),
            Rule.Unique("spec.ports", "name"), Rule.OneOf("spec.ipFamilyPolicy", "SingleStack", "PreferDualStack", "RequireDualStack"),
            Rule.OneOf("spec.trafficDistribution", "PreferClose", "PreferSameZone", "PreferSameNode"),
            new Rule("spec.ports", static (place, _) => NeedsPorts(place)),
            new Rule("spec.ports", static (place, _) => UnnamedPort(place)),
        ],
        Transition = static (before, after) => ClusterIpOf(before) is { Length: > 0 } old && ClusterIpOf(after) != old
            && (string?)after["spec"]?["type"] != "ExternalName" && (string?)before["spec"]?["type"] != "ExternalName"
                ? [new Cause("FieldValueInvalid", $"Invalid value: [\"{ClusterIpOf(after)}\"]: may not change once set", "spec.clusterIPs[0]")]
                : [],
    };

    /// <summary>A Secret: what is given as text is kept as bytes.</summary>
    public static readonly Schema Secret = new()
    {
        Defaults = [("type", "\"Opaque\"")],
        Complete = static value =>
        {
            if (!value.Remove("stringData", out JsonNode? texts) || texts is not JsonObject map)
                return;
            foreach ((string key, JsonNode? text) in map)
                (value["data"] ??= new JsonObject())[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes((string?)text ?? ""));
        },
        Rules = [Rule.Immutable("type"), new Rule("data", static (place, _) => NotBase64(place))],
        Transition = static (before, after) => Frozen(before, after, "data"),
    };

    /// <summary>A ConfigMap.</summary>
    public static readonly Schema ConfigMap = new() { Transition = static (before, after) => Frozen(before, after, "data", "binaryData") };

    /// <summary>A Namespace.</summary>
    public static readonly Schema Namespace = new() { IsName = Names.IsLabel };

    /// <summary>Roles, whose names may have colons.</summary>
    public static readonly Schema Role = new() { IsName = static name => name.Length > 0 && !name.Contains('/', StringComparison.Ordinal) };

    /// <summary>Bindings of roles.</summary>
    public static readonly Schema RoleBinding = Role with
    {
        Defaults = [("roleRef.apiGroup", Rbac)],
        Complete = static value =>
        {
            foreach (JsonNode? subject in value["subjects"] as JsonArray ?? [])
            {
                if ((string?)subject?["kind"] is "User" or "Group")
                    subject["apiGroup"] ??= JsonNode.Parse(Rbac);
            }
        },
        Rules = [Rule.Required("roleRef"), Rule.Required("roleRef.name"), Rule.Immutable("roleRef"), Rule.OneOf("subjects[].kind", "ServiceAccount", "User", "Group")],
    };

    /// <summary>An EndpointSlice.</summary>
    public static readonly Schema EndpointSlice = new()
    {
        Defaults = [("ports[].name", "\"\""), ("ports[].protocol", "\"TCP\"")],
        Rules =
        [
            Rule.Required("addressType"), Rule.OneOf("addressType", "IPv4", "IPv6", "FQDN"), Rule.Immutable("addressType"),
            Rule.Required("endpoints[].addresses"), Rule.Count("endpoints", 0, 1000),
        ],
    };

    /// <summary>A HorizontalPodAutoscaler.</summary>
    public static readonly Schema Autoscaler = new()
    {
        Defaults =
        [
            ("spec.minReplicas", "1"),
            ("spec.metrics", "[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":80}}}]"),
        ],
        Rules = [Rule.Required("spec.maxReplicas"), Rule.Range("spec.maxReplicas", 1, int.MaxValue), Rule.Required("spec.scaleTargetRef"), Rule.Required("spec.scaleTargetRef.name")],
    };

    /// <summary>A Lease.</summary>
    public static readonly Schema Lease = new()
    {
        Rules = [Rule.Range("spec.leaseDurationSeconds", 1, int.MaxValue), Rule.Range("spec.leaseTransitions", 0, int.MaxValue)],
    };

    /// <summary>An Event.</summary>
    public static readonly Schema Event = new()
    {
        Rules =
        [
            Rule.OneOf("type", "Normal", "Warning"), Rule.Required("eventTime"), Rule.Required("reportingController"), Rule.Required("reportingInstance"),
            Rule.Required("action"), Rule.Required("reason"), Rule.Holds("note", static note => note.ToString().Length <= 1024, "can have at most 1024 characters"),
        ],
    };

    /// <summary>An AuthorizationPolicy.</summary>
    public static readonly Schema AuthorizationPolicy = new() { Rules = [Rule.OneOf("spec.action", "ALLOW", "DENY", "AUDIT", "CUSTOM")] };

    /// <summary>A PeerAuthentication.</summary>
    public static readonly Schema PeerAuthentication = new()
    {
        Rules = [Rule.OneOf("spec.mtls.mode", "UNSET", "DISABLE", "PERMISSIVE", "STRICT")],
    };

    /// <summary>A ServiceEntry.</summary>
    public static readonly Schema ServiceEntry = new()
    {
        Rules =
        [
            Rule.Required("spec.hosts"), Rule.OneOf("spec.location", "MESH_EXTERNAL", "MESH_INTERNAL"),
            Rule.OneOf("spec.resolution", "NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"), Rule.Required("spec.ports[].name"),
            Rule.Required("spec.ports[].number"), Rule.Range("spec.ports[].number", 1, 65535),
        ],
    };

    /// <summary>A DestinationRule.</summary>
    public static readonly Schema DestinationRule = new() { Rules = [Rule.Required("spec.host")] };

    private static string ClusterIpOf(JsonObject service) => (string?)service["spec"]?["clusterIP"] ?? "";

    private static Cause? NeedsPorts(Place place) =>
        place.Value is null or JsonArray { Count: 0 } && (string?)place.Parent["clusterIP"] != "None" && (string?)place.Parent["type"] != "ExternalName"
            ? new Cause("FieldValueRequired", "Required value", place.Path)
            : null;

    private static Cause? UnnamedPort(Place place)
    {
        JsonArray ports = place.Value as JsonArray ?? [];
        for (int i = 0; ports.Count > 1 && i < ports.Count; i++)
        {
            if (string.IsNullOrEmpty((string?)ports[i]?["name"]))
                return new Cause("FieldValueRequired", "Required value", $"{place.Path}[{i}].name");
        }

        return null;
    }

    private static Cause? NotBase64(Place place)
    {
        foreach ((string key, JsonNode? value) in place.Value as JsonObject ?? [])
        {
            string text = value?.ToString() ?? "";
            if (!Convert.TryFromBase64String(text, new byte[text.Length], out _))
                return new Cause("FieldValueInvalid", "Invalid value: illegal base64 data", $"{place.Path}[{key}]");
        }

        return null;
    }

    private static IEnumerable<Cause> Frozen(JsonObject before, JsonObject after, params string[] fields)
    {
        if (before["immutable"] is not JsonValue told || !(bool)told)
            yield break;
        foreach (string field in fields.Where(field => !JsonNode.DeepEquals(before[field], after[field])))
            yield return new Cause("FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set", field);
    }
}

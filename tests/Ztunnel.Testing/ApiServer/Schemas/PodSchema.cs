using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Pods, and what makes pods by a template.</summary>
internal static class PodSchema
{
    private const string Probes = "livenessProbe readinessProbe startupProbe";

    /// <summary>A pod.</summary>
    public static readonly Schema Pod = new()
    {
        Defaults =
        [
            .. SpecDefaults("spec"),
            ("spec.enableServiceLinks", "true"), ("spec.serviceAccountName", "\"default\""), ("spec.priority", "0"),
            ("spec.preemptionPolicy", "\"PreemptLowerPriority\""), ("status", "{}"), ("status.phase", "\"Pending\""),
        ],
        Complete = value =>
        {
            CompleteSpec(value["spec"]);
            if (value["spec"] is JsonObject spec)
                spec["serviceAccount"] = spec["serviceAccountName"]?.DeepClone();
        },
        Rules = SpecRules("spec"),
        Transition = OnlyImagesChange,
    };

    /// <summary>A Deployment.</summary>
    public static readonly Schema Deployment = Template(
        value =>
        {
            if ((string?)value["spec"]?["strategy"]?["type"] == "RollingUpdate")
                value["spec"]!["strategy"]!["rollingUpdate"] ??= new JsonObject { ["maxUnavailable"] = "25%", ["maxSurge"] = "25%" };
        },
        ("spec.replicas", "1"), ("spec.strategy", "{}"), ("spec.strategy.type", "\"RollingUpdate\""), ("spec.revisionHistoryLimit", "10"),
        ("spec.progressDeadlineSeconds", "600"));

    /// <summary>A DaemonSet.</summary>
    public static readonly Schema DaemonSet = Template(
        value =>
        {
            if ((string?)value["spec"]?["updateStrategy"]?["type"] == "RollingUpdate")
                value["spec"]!["updateStrategy"]!["rollingUpdate"] ??= new JsonObject { ["maxUnavailable"] = 1, ["maxSurge"] = 0 };
        },
        ("spec.updateStrategy", "{}"), ("spec.updateStrategy.type", "\"RollingUpdate\""), ("spec.revisionHistoryLimit", "10"));

    /// <summary>A ReplicaSet.</summary>
    public static readonly Schema ReplicaSet = Template(static _ => { }, ("spec.replicas", "1"));

    /// <summary>A StatefulSet.</summary>
    public static readonly Schema StatefulSet = Template(
        static _ => { },
        ("spec.replicas", "1"), ("spec.podManagementPolicy", "\"OrderedReady\""), ("spec.revisionHistoryLimit", "10"),
        ("spec.updateStrategy", "{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"partition\":0}}"));

    private static Schema Template(Action<JsonObject> complete, params (string Path, string Json)[] defaults) => new()
    {
        Defaults = [.. defaults, .. SpecDefaults("spec.template.spec")],
        Complete = value =>
        {
            complete(value);
            CompleteSpec(value["spec"]?["template"]?["spec"]);
        },
        Rules =
        [
            Rule.Required("spec.selector"), Rule.Immutable("spec.selector"), Rule.Required("spec.template"), .. SpecRules("spec.template.spec"),
            Rule.Range("spec.replicas", 0, int.MaxValue),
            new Rule("spec.template", static (place, _) => SelectsItsOwn(place.Parent, place.Value)
                ? null
                : new Cause(
                    "FieldValueInvalid",
                    $"Invalid value: {place.Value?["metadata"]?["labels"]?.ToJsonString() ?? "null"}: `selector` does not match template `labels`",
                    "spec.template.metadata.labels")),
        ],
    };

    private static bool SelectsItsOwn(JsonNode spec, JsonNode? template) =>
        (spec["selector"]?["matchLabels"] as JsonObject ?? []).All(label =>
            (string?)template?["metadata"]?["labels"]?[label.Key] == (string?)label.Value);

    private static IEnumerable<(string Path, string Json)> SpecDefaults(string spec) =>
    [
        ($"{spec}.restartPolicy", "\"Always\""), ($"{spec}.dnsPolicy", "\"ClusterFirst\""), ($"{spec}.schedulerName", "\"default-scheduler\""),
        ($"{spec}.terminationGracePeriodSeconds", "30"), ($"{spec}.securityContext", "{}"),
        .. ContainerDefaults($"{spec}.containers[]"), .. ContainerDefaults($"{spec}.initContainers[]"),
        ($"{spec}.volumes[].configMap.defaultMode", "420"), ($"{spec}.volumes[].secret.defaultMode", "420"),
        ($"{spec}.volumes[].projected.defaultMode", "420"), ($"{spec}.volumes[].hostPath.type", "\"\""),
        ($"{spec}.volumes[].downwardAPI.defaultMode", "420"),
        ($"{spec}.volumes[].projected.sources[].serviceAccountToken.expirationSeconds", "3600"),
    ];

    private static IEnumerable<(string Path, string Json)> ContainerDefaults(string container)
    {
        foreach ((string field, string json) in ((string, string)[])
            [
                ("terminationMessagePath", "\"/dev/termination-log\""), ("terminationMessagePolicy", "\"File\""), ("resources", "{}"),
                ("ports[].protocol", "\"TCP\""), ("env[].valueFrom.fieldRef.apiVersion", "\"v1\""),
            ])
            yield return ($"{container}.{field}", json);
        foreach (string probe in Probes.Split(' '))
        {
            yield return ($"{container}.{probe}.timeoutSeconds", "1");
            yield return ($"{container}.{probe}.periodSeconds", "10");
            yield return ($"{container}.{probe}.successThreshold", "1");
            yield return ($"{container}.{probe}.failureThreshold", "3");
            yield return ($"{container}.{probe}.httpGet.path", "\"/\"");
            yield return ($"{container}.{probe}.httpGet.scheme", "\"HTTP\"");
        }
    }

    private static void CompleteSpec(JsonNode? spec)
    {
        bool host = spec?["hostNetwork"] is JsonValue told && (bool)told;
        foreach (JsonNode? container in (spec?["containers"] as JsonArray ?? []).Concat(spec?["initContainers"] as JsonArray ?? []))
        {
            if (container is not JsonObject map)
                continue;
            // The newest image may be another each time; a tag other than that says which.
            string image = (string?)map["image"] ?? "";
            string last = image[(image.LastIndexOf('/') + 1)..];
            bool newest = !last.Contains('@', StringComparison.Ordinal)
                && (!last.Contains(':', StringComparison.Ordinal) || last.EndsWith(":latest", StringComparison.Ordinal));
            map["imagePullPolicy"] ??= newest ? "Always" : "IfNotPresent";
            foreach (JsonNode? port in host ? map["ports"] as JsonArray ?? [] : [])
                port!["hostPort"] ??= port["containerPort"]?.DeepClone();
        }
    }

    private static ImmutableArray<Rule> SpecRules(string spec) =>
    [
        Rule.Required($"{spec}.containers"), Rule.Required($"{spec}.containers[].name"), Rule.Required($"{spec}.containers[].image"),
        Rule.Unique($"{spec}.containers", "name"), Rule.Required($"{spec}.initContainers[].name"), Rule.Required($"{spec}.initContainers[].image"),
        Rule.Required($"{spec}.containers[].ports[].containerPort"), Rule.Range($"{spec}.containers[].ports[].containerPort", 1, 65535),
        Rule.OneOf($"{spec}.containers[].ports[].protocol", "SCTP", "TCP", "UDP"), Rule.Required($"{spec}.containers[].env[].name"),
        Rule.Required($"{spec}.volumes[].name"), Rule.Unique($"{spec}.volumes", "name"), Rule.Required($"{spec}.containers[].volumeMounts[].mountPath"),
        Rule.OneOf($"{spec}.restartPolicy", "Always", "OnFailure", "Never"), Rule.OneOf($"{spec}.containers[].imagePullPolicy", "Always", "IfNotPresent", "Never"),
        new Rule(spec, static (place, _) => UnknownVolume(place)),
    ];

    private static Cause? UnknownVolume(Place spec)
    {
        JsonArray containers = spec.Value?["containers"] as JsonArray ?? [], volumes = spec.Value?["volumes"] as JsonArray ?? [];
        for (int c = 0; c < containers.Count; c++)
        {
            JsonArray mounts = containers[c]?["volumeMounts"] as JsonArray ?? [];
            for (int m = 0; m < mounts.Count; m++)
            {
                if (!volumes.Any(volume => (string?)volume?["name"] == (string?)mounts[m]?["name"]))
                    return new Cause("FieldValueNotFound", $"Not found: \"{mounts[m]?["name"]}\"", $"{spec.Path}.containers[{c}].volumeMounts[{m}].name");
            }
        }

        return null;
    }

    private static IEnumerable<Cause> OnlyImagesChange(JsonObject before, JsonObject after)
    {
        if (!JsonNode.DeepEquals(Fixed(before), Fixed(after)))
        {
            yield return new Cause(
                "FieldValueForbidden",
                "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
                + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`",
                "spec");
        }
    }

    private static JsonObject Fixed(JsonObject pod)
    {
        JsonObject spec = pod["spec"]?.DeepClone() as JsonObject ?? [];
        foreach (string free in (string[])["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "ephemeralContainers", "schedulingGates"])
            spec.Remove(free);
        foreach (JsonNode? container in (spec["containers"] as JsonArray ?? []).Concat(spec["initContainers"] as JsonArray ?? []))
            (container as JsonObject)?.Remove("image");
        return spec;
    }
}

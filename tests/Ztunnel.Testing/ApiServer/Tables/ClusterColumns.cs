using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace Ztunnel.Testing.Api;

/// <summary>The columns of built-in kinds whose cells are worked out from several fields, as the real server does.</summary>
internal static class ClusterColumns
{
    private const string None = "<none>";

    /// <summary>The columns of a kind by its resource; null when its columns are plain fields.</summary>
    public static ImmutableArray<TableColumn>? Of(string resource) => resource switch
    {
        "services" =>
        [
            TableColumn.ObjectName, Field("Type", "spec.type"), new("Cluster-IP", value => OrNone(JsonPath.Text(value, "spec.clusterIP"))),
            new("External-IP", ExternalAddress), new("Port(s)", ServicePorts), TableColumn.Age, new("Selector", value => Pairs(value, "spec.selector"), 1),
        ],
        "nodes" =>
        [
            TableColumn.ObjectName, new("Status", NodeStatus), new("Roles", NodeRoles), TableColumn.Age, Field("Version", "status.nodeInfo.kubeletVersion"),
            new("Internal-IP", value => NodeAddress(value, "InternalIP"), 1), new("External-IP", value => NodeAddress(value, "ExternalIP"), 1),
            Wide("OS-Image", "status.nodeInfo.osImage"), Wide("Kernel-Version", "status.nodeInfo.kernelVersion"),
            Wide("Container-Runtime", "status.nodeInfo.containerRuntimeVersion"),
        ],
        "deployments.apps" =>
        [
            TableColumn.ObjectName, new("Ready", value => $"{Number(value, "status.readyReplicas")}/{Number(value, "spec.replicas")}"),
            Count("Up-to-date", "status.updatedReplicas"), Count("Available", "status.availableReplicas"), TableColumn.Age, .. Workload,
        ],
        "replicasets.apps" =>
        [
            TableColumn.ObjectName, Count("Desired", "spec.replicas"), Count("Current", "status.replicas"), Count("Ready", "status.readyReplicas"),
            TableColumn.Age, .. Workload,
        ],
        "statefulsets.apps" =>
        [
            TableColumn.ObjectName, new("Ready", value => $"{Number(value, "status.readyReplicas")}/{Number(value, "spec.replicas")}"), TableColumn.Age,
        ],
        "daemonsets.apps" =>
        [
            TableColumn.ObjectName, Count("Desired", "status.desiredNumberScheduled"), Count("Current", "status.currentNumberScheduled"),
            Count("Ready", "status.numberReady"), Count("Up-to-date", "status.updatedNumberScheduled"), Count("Available", "status.numberAvailable"),
            new("Node Selector", value => Pairs(value, "spec.template.spec.nodeSelector")), TableColumn.Age, .. Workload,
        ],
        "configmaps" => [TableColumn.ObjectName, new("Data", value => Size(value, "data") + Size(value, "binaryData")), TableColumn.Age],
        "secrets" => [TableColumn.ObjectName, Field("Type", "type"), new("Data", value => Size(value, "data")), TableColumn.Age],
        "serviceaccounts" => [TableColumn.ObjectName, new("Secrets", value => JsonPath.Items(value, "secrets").LongCount()), TableColumn.Age],
        "endpointslices.discovery.k8s.io" =>
        [
            TableColumn.ObjectName, Field("AddressType", "addressType"),
            new("Ports", value => Some(JsonPath.Items(value, "ports").Select(port => JsonPath.Text(port, "port")))),
            new("Endpoints", value => Some(JsonPath.Items(value, "endpoints").SelectMany(point => JsonPath.Items(point, "addresses")).Select(item => item.ToString()))),
            TableColumn.Age,
        ],
        "poddisruptionbudgets.policy" =>
        [
            TableColumn.ObjectName, new("Min Available", value => OrNotAvailable(value, "spec.minAvailable")),
            new("Max Unavailable", value => OrNotAvailable(value, "spec.maxUnavailable")), Count("Allowed Disruptions", "status.disruptionsAllowed"),
            TableColumn.Age,
        ],
        "horizontalpodautoscalers.autoscaling" =>
        [
            TableColumn.ObjectName,
            new("Reference", value => $"{JsonPath.Text(value, "spec.scaleTargetRef.kind")}/{JsonPath.Text(value, "spec.scaleTargetRef.name")}"),
            new("Targets", _ => None), Count("MinPods", "spec.minReplicas"), Count("MaxPods", "spec.maxReplicas"),
            Count("Replicas", "status.currentReplicas"), TableColumn.Age,
        ],
        "events.events.k8s.io" =>
        [
            new("Last Seen", LastSeen), Field("Type", "type"), Field("Reason", "reason"),
            new("Object", value => $"{JsonPath.Text(value, "regarding.kind").ToLowerInvariant()}/{JsonPath.Text(value, "regarding.name")}"),
            new("Message", value => JsonPath.Text(value, "note").Trim()), Wide("Source", "reportingController"), Wide("Name", "metadata.name"),
        ],
        _ => null,
    };

    private static ImmutableArray<TableColumn> Workload =>
    [
        new("Containers", value => Some(JsonPath.Items(value, "spec.template.spec.containers").Select(item => JsonPath.Text(item, "name"))), 1),
        new("Images", value => Some(JsonPath.Items(value, "spec.template.spec.containers").Select(item => JsonPath.Text(item, "image"))), 1),
        new("Selector", value => Pairs(value, "spec.selector.matchLabels"), 1),
    ];

    private static TableColumn Field(string name, string path) => new(name, value => JsonPath.Text(value, path));

    private static TableColumn Wide(string name, string path) => new(name, value => OrNone(JsonPath.Text(value, path)), 1);

    private static TableColumn Count(string name, string path) => new(name, value => JsonPath.Number(value, path), Type: "integer");

    private static string Number(JsonElement value, string path) => JsonPath.Number(value, path).ToString(CultureInfo.InvariantCulture);

    private static long Size(JsonElement value, string path) =>
        JsonPath.Find(value, path) is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject().Count() : 0;

    private static string OrNone(string text) => text.Length == 0 ? None : text;

    private static string OrNotAvailable(JsonElement value, string path) => JsonPath.Text(value, path) is { Length: > 0 } text ? text : "N/A";

    // As the real tables do it: the first three, then how many more there are.
    private static string Some(IEnumerable<string> items)
    {
        string[] all = [.. items];
        if (all.Length == 0)
            return None;
        return all.Length <= 3 ? string.Join(',', all) : $"{string.Join(',', all[..3])} + {all.Length - 3} more...";
    }

    private static string Pairs(JsonElement value, string path) => JsonPath.Find(value, path) is { ValueKind: JsonValueKind.Object } map
        ? OrNone(string.Join(',', map.EnumerateObject().Select(pair => $"{pair.Name}={pair.Value}").Order(StringComparer.Ordinal)))
        : None;

    private static string ServicePorts(JsonElement value)
    {
        string[] ports =
        [
            .. JsonPath.Items(value, "spec.ports").Select(port =>
                JsonPath.Number(port, "nodePort") is > 0 and var node
                    ? $"{JsonPath.Text(port, "port")}:{node}/{JsonPath.Text(port, "protocol")}"
                    : $"{JsonPath.Text(port, "port")}/{JsonPath.Text(port, "protocol")}"),
        ];
        return OrNone(string.Join(',', ports));
    }

    private static string ExternalAddress(JsonElement value)
    {
        string[] given = [.. JsonPath.Items(value, "spec.externalIPs").Select(item => item.ToString())];
        switch (JsonPath.Text(value, "spec.type"))
        {
            case "ExternalName":
                return JsonPath.Text(value, "spec.externalName");
            case "LoadBalancer":
                string[] balanced =
                [
                    .. JsonPath.Items(value, "status.loadBalancer.ingress").Select(item =>
                        JsonPath.Text(item, "ip") is { Length: > 0 } address ? address : JsonPath.Text(item, "hostname")),
                    .. given,
                ];
                return balanced.Length == 0 ? "<pending>" : string.Join(',', balanced);
            default:
                return OrNone(string.Join(',', given));
        }
    }

    private static string NodeStatus(JsonElement value)
    {
        string status = JsonPath.Text(value, "status.conditions[Ready].status") switch { "True" => "Ready", "" => "Unknown", _ => "NotReady" };
        return JsonPath.Text(value, "spec.unschedulable") == "True" ? $"{status},SchedulingDisabled" : status;
    }

    private static string NodeRoles(JsonElement value)
    {
        const string Prefix = "node-role.kubernetes.io/";
        string[] roles = JsonPath.Find(value, "metadata.labels") is { } labels
            ? [.. labels.EnumerateObject().Where(label => label.Name.StartsWith(Prefix, StringComparison.Ordinal)).Select(label => label.Name[Prefix.Length..])]
            : [];
        return OrNone(string.Join(',', roles.Order(StringComparer.Ordinal)));
    }

    private static string NodeAddress(JsonElement value, string type)
    {
        JsonElement found = JsonPath.Items(value, "status.addresses").FirstOrDefault(item => JsonPath.Text(item, "type") == type);
        return found.ValueKind == JsonValueKind.Undefined ? None : JsonPath.Text(found, "address");
    }

    private static object LastSeen(JsonElement value) =>
        TableColumn.Time(value, "series.lastObservedTime")
        ?? TableColumn.Time(value, "deprecatedLastTimestamp")
        ?? TableColumn.Time(value, "eventTime")
        ?? (object)"<unknown>";
}

using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// One EndpointSlice for each Service with a selector, each address family and each set of port numbers, which differ where pods give
/// a named port different numbers.
/// </summary>
internal sealed class EndpointSliceStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    private const string ServiceName = "kubernetes.io/service-name", ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private const string Us = "endpointslice-controller.k8s.io";

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject service in Cache.All(ClusterKind.Services).Where(each => !each.Leaving && each.Spec?["selector"] is JsonObject { Count: > 0 }))
            await Reconcile(service, cancellationToken);
    }

    private async Task Reconcile(ClusterObject service, CancellationToken cancellationToken)
    {
        ClusterObject[] pods = [.. Cache.All(ClusterKind.Pods)
            .Where(pod => pod.Namespace == service.Namespace && pod.Phase is not ("Failed" or "Succeeded"))
            .Where(pod => ClusterObject.Matches(service.Spec!["selector"], pod.Labels))
            .OrderBy(pod => pod.Name, StringComparer.Ordinal)];
        Dictionary<string, JsonObject> wanted = Families(service)
            .SelectMany(family => pods
                .Where(pod => AddressOf(pod, family) is not null)
                .GroupBy(pod => PortsOf(service, pod).ToJsonString(), StringComparer.Ordinal)
                .Select(group => Slice(service, family, [.. group])))
            .ToDictionary(slice => slice["metadata"]!["name"]!.GetValue<string>(), StringComparer.Ordinal);
        foreach ((string name, JsonObject slice) in wanted)
        {
            if (Cache.Find(ClusterKind.EndpointSlices, service.Namespace, name) is not { } existing)
                await Create(ClusterKind.EndpointSlices, service.Namespace, slice, cancellationToken);
            else if (!JsonNode.DeepEquals(existing.Json["endpoints"], slice["endpoints"]))
                await Patch(ClusterKind.EndpointSlices, existing, new() { ["endpoints"] = slice["endpoints"]!.DeepClone() }, cancellationToken);
        }

        foreach (ClusterObject old in Cache.All(ClusterKind.EndpointSlices).Where(each => each.Controller == service.Uid && !wanted.ContainsKey(each.Name)))
            await Delete(ClusterKind.EndpointSlices, old, cancellationToken);
    }

    private static IEnumerable<AddressFamily> Families(ClusterObject service) =>
        (service.Spec?["ipFamilies"] as JsonArray)?.Select(each => ClusterObject.Text(each) == "IPv6" ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork)
        ?? [AddressFamily.InterNetwork];

    private static string? AddressOf(ClusterObject pod, AddressFamily family) => (pod.Status?["podIPs"] as JsonArray)?
        .Select(each => ClusterObject.Text(each?["ip"]))
        .FirstOrDefault(address => IPAddress.TryParse(address, out IPAddress? parsed) && parsed.AddressFamily == family);

    private static JsonObject Slice(ClusterObject service, AddressFamily family, ImmutableArray<ClusterObject> pods)
    {
        JsonArray ports = PortsOf(service, pods[0]);
        bool ipv6 = family == AddressFamily.InterNetworkV6;
        return new JsonObject
        {
            ["apiVersion"] = "discovery.k8s.io/v1",
            ["kind"] = "EndpointSlice",
            ["metadata"] = new JsonObject
            {
                ["name"] = $"{service.Name}-{(ipv6 ? "ipv6" : "ipv4")}-{PodTemplate.HashOf(ports)[..5]}",
                ["namespace"] = service.Namespace,
                ["labels"] = new JsonObject { [ServiceName] = service.Name, [ManagedBy] = Us },
                ["ownerReferences"] = service.AsOwner(ClusterKind.Services),
            },
            ["addressType"] = ipv6 ? "IPv6" : "IPv4",
            ["ports"] = ports,
            ["endpoints"] = new JsonArray([.. pods.Select(pod => Endpoint(pod, AddressOf(pod, family)!))]),
        };
    }

    private static JsonObject Endpoint(ClusterObject pod, string address)
    {
        bool serving = pod.Has("Ready");
        return new JsonObject
        {
            ["addresses"] = new JsonArray(address),
            ["conditions"] = new JsonObject { ["ready"] = serving && !pod.Leaving, ["serving"] = serving, ["terminating"] = pod.Leaving },
            ["nodeName"] = ClusterObject.Text(pod.Spec?["nodeName"]),
            ["targetRef"] = new JsonObject { ["kind"] = "Pod", ["name"] = pod.Name, ["namespace"] = pod.Namespace, ["uid"] = pod.Uid },
        };
    }

    /// <summary>The Service's ports with the numbers they have at a pod; a named one that the pod does not have is left out.</summary>
    private static JsonArray PortsOf(ClusterObject service, ClusterObject pod)
    {
        var ports = new JsonArray();
        foreach (JsonNode? port in service.Spec!["ports"]?.AsArray() ?? [])
        {
            JsonNode target = port!["targetPort"] ?? port["port"]!;
            int? number = target.GetValueKind() == System.Text.Json.JsonValueKind.Number ? target.GetValue<int>() : NamedPort(pod, target.GetValue<string>());
            if (number is null)
                continue;
            var entry = new JsonObject
            {
                ["name"] = ClusterObject.Text(port["name"]),
                ["protocol"] = port["protocol"]?.GetValue<string>() ?? "TCP",
                ["port"] = number,
            };
            if (port["appProtocol"] is { } application)
                entry["appProtocol"] = application.DeepClone();
            ports.Add(entry);
        }

        return ports;
    }

    private static int? NamedPort(ClusterObject pod, string name) => pod.Spec!["containers"]!.AsArray()
        .SelectMany(container => (container!["ports"] as JsonArray) ?? [])
        .FirstOrDefault(port => ClusterObject.Text(port!["name"]) == name)?["containerPort"]?.GetValue<int>();
}

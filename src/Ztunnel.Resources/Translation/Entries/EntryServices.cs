using System.Collections.Immutable;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What a ServiceEntry is in the model. Pure: what depends on other objects is passed in.</summary>
internal static class EntryServices
{
    public static ServiceName NameOf(ServiceEntryObject entry, string host) => new(entry.Metadata.Namespace, host, IsHost: true);

    /// <summary>Whether addresses are to be made up for a host, which has none.</summary>
    public static bool WantsAddresses(ServiceEntryObject entry, string host) =>
        entry is { Addresses.Count: 0, Ranges.Count: 0, Resolution: not EntryResolution.None }
        && host[0] != '*'
        && !AssignedTo(entry, host).Any()
        && entry.Metadata.Labels["networking.istio.io/enable-autoallocate-ip"] is not "false";

    /// <summary>The addresses a control plane has assigned to a host.</summary>
    public static IEnumerable<IPAddress> AssignedTo(ServiceEntryObject entry, string host) => entry.Assigned
        .Where(assigned => assigned.Host.Length == 0 || string.Equals(assigned.Host, host, StringComparison.OrdinalIgnoreCase))
        .Select(assigned => assigned.Address);

    /// <summary>The service that a host is.</summary>
    public static Service Service(
        ServiceEntryObject entry, string host, ImmutableArray<IPAddress> madeUp, StringMap namespaceLabels, TrafficDistribution? distribution) => new()
        {
            Name = NameOf(entry, host),
            Hostname = host,
            VirtualIps = entry.Addresses.Count > 0 || entry.Ranges.Count > 0 ? [.. entry.Addresses] : [.. AssignedTo(entry, host), .. madeUp],
            Ports = [.. entry.Ports.Where(port => port.Protocol == TransportProtocol.Tcp).Select(ObjectTranslation.Port)],
            Distribution = Distributions.Annotated(entry.Metadata) ?? distribution ?? TrafficDistribution.Any,
            Waypoint = WaypointLabels.RequestOf(entry.Metadata.Labels, namespaceLabels, entry.Metadata.Namespace),
            IngressUsesWaypoint = WaypointLabels.IngressUsesWaypoint(entry.Metadata.Labels, namespaceLabels),
            Entry = new ServiceEntry
            {
                Name = entry.Metadata.Name,
                Created = entry.Metadata.Created,
                ExportTo = entry.ExportTo,
                Ranges = entry.Ranges,
                OriginalDestination = entry.Resolution == EntryResolution.None,
                Names = [.. Named(entry, host).Select(endpoint => endpoint.Name).Distinct(StringComparer.Ordinal)],
                SubjectAltNames = entry.SubjectAltNames,
            },
        };

    /// <summary>The endpoints that are given by their addresses.</summary>
    public static IEnumerable<EndpointSet> Endpoints(ServiceEntryObject entry, string host) => entry.Endpoints
        .Select((endpoint, index) => endpoint.Address is null ? null : Set(entry, host, $"endpoint {index}", endpoint))
        .OfType<EndpointSet>();

    /// <summary>The endpoints that are found in DNS; without any, a host is its own name.</summary>
    public static ImmutableArray<NamedEndpoint> Named(ServiceEntryObject entry, string host)
    {
        if (entry is { Resolution: EntryResolution.Dns, Endpoints.Count: 0, Selector: null })
            return [new NamedEndpoint("name", host, PortsOf(entry, []))];
        return
        [
            .. entry.Endpoints.Select((endpoint, index) => endpoint.Name is not { } name ? null
                : new NamedEndpoint($"name {index}", name, PortsOf(entry, endpoint.Ports)) { Region = endpoint.Region, Zone = endpoint.Zone }).OfType<NamedEndpoint>(),
        ];
    }

    /// <summary>The endpoint that a pod is; null where the entry does not select it.</summary>
    public static EndpointSet? PodEndpoint(ServiceEntryObject entry, string host, PodObject pod)
    {
        if (entry.Selector is not { } selector || !pod.Metadata.Labels.Matches(selector) || pod.Terminated || pod.Addresses.Count == 0)
            return null;
        return new EndpointSet
        {
            Service = NameOf(entry, host),
            Name = ObjectTranslation.DerivedSetName(pod.Metadata.Name),
            Ports = [.. PortsOf(entry, [])],
            Addresses = [.. pod.Addresses.Select(address => new EndpointAddress(address, pod.Ready, pod.Metadata.Name) { Terminating = pod.Serving && !pod.Ready })],
        };
    }

    /// <summary>The endpoint that a WorkloadEntry with an address is; null where the entry does not select it.</summary>
    public static EndpointSet? WorkloadEndpoint(ServiceEntryObject entry, string host, WorkloadEntryObject workload) =>
        Selects(entry, workload) && workload.Endpoint.Address is not null ? Set(entry, host, WorkloadSetName(workload.Metadata.Name), workload.Endpoint) : null;

    /// <summary>The endpoint that a WorkloadEntry with a name is; null where the entry does not select it.</summary>
    public static NamedEndpoint? WorkloadName(ServiceEntryObject entry, WorkloadEntryObject workload) =>
        Selects(entry, workload) && workload.Endpoint.Name is { } name
            ? new NamedEndpoint($"name of {WorkloadSetName(workload.Metadata.Name)}", name, PortsOf(entry, workload.Endpoint.Ports)) { Region = workload.Endpoint.Region, Zone = workload.Endpoint.Zone }
            : null;

    private static string WorkloadSetName(string workload) => $"workload {workload}";

    private static bool Selects(ServiceEntryObject entry, WorkloadEntryObject workload) => entry.Selector is { } selector
        && (workload.Endpoint.Labels.Matches(selector) || workload.Metadata.Labels.Matches(selector));

    private static EndpointSet Set(ServiceEntryObject entry, string host, string name, EntryEndpoint endpoint) => new()
    {
        Service = NameOf(entry, host),
        Name = name,
        Ports = [.. PortsOf(entry, endpoint.Ports)],
        Addresses = [new EndpointAddress(endpoint.Address!, Ready: true) { Region = endpoint.Region, Zone = endpoint.Zone }],
    };

    private static ValueArray<EndpointPort> PortsOf(ServiceEntryObject entry, ValueArray<EndpointPort> own) =>
    [
        .. entry.Ports
            .Where(port => port.Protocol == TransportProtocol.Tcp)
            .Select(port => own.FirstOrDefault(said => string.Equals(said.Name, port.Name, StringComparison.Ordinal))
                ?? new EndpointPort(port.Name, ((TargetPort.Numbered)port.Target).Port)),
    ];
}

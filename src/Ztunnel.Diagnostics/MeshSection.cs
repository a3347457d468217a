using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ztunnel.Mesh;
using Ztunnel.Proxy;

namespace Ztunnel.Diagnostics;

/// <summary>The model's objects in the shape of the dump.</summary>
internal static class MeshSection
{
    public static IReadOnlyList<WorkloadDump> Workloads(MeshState mesh) =>
    [
        .. mesh.Workloads
            .OrderBy(workload => workload.Namespace, StringComparer.Ordinal)
            .ThenBy(workload => workload.Name, StringComparer.Ordinal)
            .Select(workload => Describe(workload, mesh)),
    ];

    public static IReadOnlyList<ServiceDump> Services(MeshState mesh, IReadOnlyList<EjectionSnapshot> ejections)
    {
        Dictionary<Endpoint, EjectionSnapshot> ejected = ejections.ToDictionary(ejection => ejection.Endpoint);
        return
        [
            .. mesh.Services
                .OrderBy(service => service.Name, ServiceName.Order)
                .Select(service => Describe(service, mesh, ejected)),
        ];
    }

    private static WorkloadDump Describe(Workload workload, MeshState mesh) => new()
    {
        Uid = workload.Uid,
        WorkloadIps = [.. workload.Addresses.Select(address => address.ToString())],
        Protocol = workload.Ambient ? "HBONE" : "TCP",
        Name = workload.Name,
        Namespace = workload.Namespace,
        ServiceAccount = workload.ServiceAccount,
        TrustDomain = workload.Identity.TrustDomain,
        WorkloadName = workload.WorkloadName,
        CanonicalName = workload.CanonicalName,
        CanonicalRevision = workload.CanonicalRevision,
        Node = workload.Node,
        Status = workload.Ready ? "Healthy" : "Unhealthy",
        Enrolment = workload.Enrolment.ToString(),
        Waypoint = WaypointDump.Of(mesh.WaypointOf(workload)),
        WaypointBound = WaypointBoundDump.Of(mesh.WaypointOf(workload)),
    };

    private static ServiceDump Describe(Service service, MeshState mesh, Dictionary<Endpoint, EjectionSnapshot> ejected) => new()
    {
        Name = service.Entry?.Name ?? service.Name.Name,
        Namespace = service.Name.Namespace,
        Hostname = service.Hostname,
        Vips = [.. service.VirtualIps.Select(NetworkAddressOf)],
        CidrVips = ListOrNull(service.Entry?.Ranges.Select(range => $"/{range}")),
        SubjectAltNames = ListOrNull(service.Entry?.SubjectAltNames),
        DnsNames = ListOrNull(service.Entry?.Names),
        ExportTo = ListOrNull(service.Entry?.ExportTo),
        Ports = service.Ports.ToDictionary(port => Text(port.Port), port => (int)port.TargetPort, StringComparer.Ordinal),
        Endpoints = Endpoints(service, mesh, ejected),
        IpFamilies = Families(service),
        LoadBalancer = LoadBalancer(service),
        Waypoint = WaypointDump.Of(mesh.WaypointOf(service)),
        WaypointBound = WaypointBoundDump.Of(mesh.WaypointOf(service)),
    };

    private static string[]? ListOrNull(IEnumerable<string>? items) => items?.ToArray() is { Length: > 0 } list ? list : null;

    private static LoadBalancerDump? LoadBalancer(Service service)
    {
        if (service.Entry is { OriginalDestination: true })
            return new LoadBalancerDump { Mode = "Passthrough", RoutingPreferences = [], HealthPolicy = "AllowAll" };
        if (service is { LocalOnly: false, Distribution: TrafficDistribution.Any, PublishNotReadyAddresses: false, ClientAffinity: false })
            return null;
        (string mode, string[] preferences) = service switch
        {
            { LocalOnly: true } => ("Strict", ["Node"]),
            { Distribution: TrafficDistribution.PreferSameNode } => ("Failover", ["Region", "Zone", "Node"]),
            { Distribution: TrafficDistribution.PreferSameZone } => ("Failover", ["Region", "Zone"]),
            _ => ("Standard", Array.Empty<string>()),
        };
        return new LoadBalancerDump
        {
            Mode = mode,
            RoutingPreferences = preferences,
            HealthPolicy = service.PublishNotReadyAddresses ? "AllowAll" : "OnlyHealthy",
            ClientAffinity = service.ClientAffinity,
        };
    }

    private static Dictionary<string, EndpointDump> Endpoints(Service service, MeshState mesh, Dictionary<Endpoint, EjectionSnapshot> ejected)
    {
        var endpoints = new Dictionary<string, EndpointDump>(StringComparer.Ordinal);
        foreach (IGrouping<IPAddress, Endpoint> byAddress in mesh.EndpointsOf(service.Name).GroupBy(endpoint => endpoint.Address.Address))
        {
            string uid = byAddress.Select(WorkloadBehind).FirstOrDefault(workload => workload is not null)?.Uid ?? "";
            string address = NetworkAddressOf(byAddress.Key);
            // A dual-stack pod is behind two addresses; the second is listed by its address rather than lost.
            string key = uid.Length > 0 && !endpoints.ContainsKey(uid) ? uid : address;
            EjectionSnapshot? ejection = byAddress.Select(endpoint => ejected.GetValueOrDefault(endpoint)).MinBy(found => found?.Share ?? 1);
            endpoints[key] = new EndpointDump
            {
                WorkloadUid = uid,
                Service = $"{service.Name.Namespace}/{service.Hostname}",
                Address = address,
                Port = byAddress
                    .GroupBy(endpoint => Text(endpoint.Port.Port), StringComparer.Ordinal)
                    .ToDictionary(port => port.Key, port => port.First().Address.Port, StringComparer.Ordinal),
                Ready = byAddress.All(endpoint => endpoint.Ready && endpoint.Route is not null),
                EjectedUntil = ejection?.Until,
                Share = ejection is { Share: < 1 } ? ejection.Share : null,
            };
        }

        return endpoints;
    }

    private static Workload? WorkloadBehind(Endpoint endpoint) => endpoint.Route switch
    {
        Route.Tunnel tunnel => tunnel.Destination,
        Route.Passthrough passthrough => passthrough.Workload,
        _ => null,
    };

    private static string? Families(Service service)
    {
        bool v4 = service.VirtualIps.Any(address => address.AddressFamily == AddressFamily.InterNetwork);
        bool v6 = service.VirtualIps.Any(address => address.AddressFamily == AddressFamily.InterNetworkV6);
        return (v4, v6) switch
        {
            (true, true) => "Dual",
            (true, false) => "IPv4",
            (false, true) => "IPv6",
            _ => null,
        };
    }

    // The dump names addresses as network/ip; there is one network and it has no name.
    private static string NetworkAddressOf(IPAddress address) => $"/{address}";

    private static string Text(ushort port) => port.ToString(CultureInfo.InvariantCulture);
}

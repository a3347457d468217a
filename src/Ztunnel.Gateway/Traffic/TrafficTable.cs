using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The services that DestinationRules are about, as all loops of a gateway share them.</summary>
internal sealed class TrafficTable(MeshState mesh, GatewayPod pod, TimeProvider time)
{
    private readonly ConcurrentDictionary<(ServiceName Service, ushort Port), ServiceTraffic> _services = new();

    /// <summary>What holds for a port of a service; null where no rule is about it.</summary>
    public ServiceTraffic? Of(ServiceName service, ushort port)
    {
        if (mesh.TrafficPolicyFor(service, port, pod.Workload) is not { } policy)
            return null;
        if (!_services.TryGetValue((service, port), out ServiceTraffic? known))
        {
            known = _services.GetOrAdd((service, port), key => new ServiceTraffic(key.Service, key.Port, policy, time, () => mesh
                .EndpointsOf(key.Service)
                .Where(endpoint => endpoint.Port.Port == key.Port)
                .Select(endpoint => endpoint.Address)));
        }

        if (!ReferenceEquals(known.Policy, policy))
            known.Policy = policy;
        return known;
    }

    /// <summary>What is known of all of them, by service and port.</summary>
    public IReadOnlyList<TrafficSnapshot> Snapshot() =>
    [
        .. _services.Values
            .OrderBy(traffic => traffic.Service, ServiceName.Order)
            .ThenBy(traffic => traffic.Port)
            .Select(traffic => traffic.Snapshot()),
    ];
}

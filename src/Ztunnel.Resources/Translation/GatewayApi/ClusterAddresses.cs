using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Where a Gateway is reached in a cluster, in which others make Services, endpoints and load balancers, each in its own time
/// (istio/istio, the gateway controller's status).
/// </summary>
internal static class ClusterAddresses
{
    /// <summary>The annotation of a Gateway that says which of the addresses within the cluster to report.</summary>
    private const string AddressType = "networking.istio.io/address-type";

    /// <summary>Works it out of the services that a Gateway is to be at.</summary>
    /// <param name="gateway">The Gateway.</param>
    /// <param name="role">What it is: of a waypoint the Service's addresses are reported as well as its name.</param>
    /// <param name="names">The services.</param>
    /// <param name="services">Those of the Gateway's namespace that may be among them.</param>
    /// <param name="endpoints">The endpoints of a service.</param>
    /// <param name="clusterDomain">The DNS domain of services.</param>
    public static Reach Of(
        GatewayObject gateway,
        GatewayRole role,
        IEnumerable<ServiceName> names,
        IReadOnlyCollection<ServiceObject> services,
        Func<ServiceName, ImmutableArray<Endpoint>> endpoints,
        string clusterDomain)
    {
        var reach = new Reach();
        foreach (ServiceName name in names)
        {
            string host = $"{name.Name}.{name.Namespace}.svc.{clusterDomain}";
            if (services.FirstOrDefault(service => ObjectTranslation.NameOf(service) == name) is { } found)
                Look(reach, gateway, found, host, endpoints(name));
            else
                reach.Unusable($"hostname \"{host}\" not found");
        }

        return reach with { Addresses = Report(gateway, role, reach) };
    }

    private static void Look(Reach reach, GatewayObject gateway, ServiceObject service, string host, ImmutableArray<Endpoint> endpoints)
    {
        foreach (ushort port in gateway.Listeners.Where(listener => listener.Protocol != "UDP").Select(listener => listener.Port).Distinct())
        {
            if (!service.Ports.Any(candidate => candidate.Port == port && candidate.Protocol == TransportProtocol.Tcp))
            {
                reach.Unusable($"port {port} not found for hostname \"{host}\"");
            }
            else if (!endpoints.Any(endpoint => endpoint.Ready && endpoint.Port.Port == port))
            {
                reach.Pending($"no instances found for hostname \"{host}\"");
            }
            else
            {
                reach.Ports.Add($"{host}:{port}");
                if (!service.LoadBalanced)
                    reach.Internal.Add((service, host));
                else if (service.Ingress.Count == 0)
                    reach.Pending($"address pending for hostname \"{host}\"");
                else
                    reach.External.UnionWith(service.Ingress);
            }
        }
    }

    private static ValueArray<GatewayAddress> Report(GatewayObject gateway, GatewayRole role, Reach reach)
    {
        if (reach.External.Count > 0)
            return [.. reach.External];
        // Once it is reported it stays: clients that have it find the way again when the instances do.
        if (reach.Internal.Count == 0)
            return gateway.Addresses;
        string? wanted = gateway.Metadata.Annotations[AddressType] ?? (role == GatewayRole.Waypoint ? null : GatewayAddress.Hostname);
        IEnumerable<GatewayAddress> ips = reach.Internal.SelectMany(at => at.Service.ClusterIps).Distinct()
            .Select(ip => new GatewayAddress(GatewayAddress.IPAddress, ip.ToString()));
        IEnumerable<GatewayAddress> names = reach.Internal.Select(at => at.Host).Distinct(StringComparer.Ordinal)
            .Select(host => new GatewayAddress(GatewayAddress.Hostname, host));
        return
        [
            .. wanted == GatewayAddress.Hostname ? [] : ips,
            .. wanted == GatewayAddress.IPAddress ? [] : names,
        ];
    }

    /// <summary>How far a Gateway is reached.</summary>
    internal sealed record Reach
    {
        private readonly List<string> _warnings = [];
        private bool _unusable;

        public SortedSet<string> Ports { get; } = new(StringComparer.Ordinal);

        public HashSet<GatewayAddress> External { get; } = [];

        public HashSet<(ServiceObject Service, string Host)> Internal { get; } = [];

        public ValueArray<GatewayAddress> Addresses { get; init; } = [];

        /// <summary>What it is assigned to, as the end of a sentence.</summary>
        public string AssignedTo => $"assigned to service(s) {string.Join(" and ", Ports)}";

        /// <summary>Why it is not reached everywhere it is to be; null when it is.</summary>
        public (string Reason, string Message)? Fault => _warnings.Count == 0 ? null : (
            _unusable ? GatewayAddresses.NotUsable : GatewayAddresses.NotAssigned,
            Ports.Count == 0
                ? $"Failed to assign to any requested addresses: {string.Join("; ", _warnings)}"
                : $"Assigned to service(s) {string.Join(" and ", Ports)}, but failed to assign to all requested addresses: {string.Join("; ", _warnings)}");

        public void Unusable(string warning)
        {
            _unusable = true;
            Pending(warning);
        }

        public void Pending(string warning)
        {
            if (!_warnings.Contains(warning, StringComparer.Ordinal))
                _warnings.Add(warning);
        }
    }
}

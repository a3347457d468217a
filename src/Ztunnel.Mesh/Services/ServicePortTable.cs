using System.Collections.Immutable;
using System.Net.Sockets;

namespace Ztunnel.Mesh;

/// <summary>One port of a service with the endpoints that serve it. Immutable but for what each endpoint knows of its pod.</summary>
internal sealed class ServicePortTable
{
    private readonly OfFamily _ipv4;
    private readonly OfFamily _ipv6;

    public ServicePortTable(Service service, ServicePort port, ImmutableArray<Endpoint> endpoints, EndpointSet[] sets)
    {
        Number = port.Port;
        List<Endpoint> mine = Distinct(port, endpoints);
        _ipv4 = new OfFamily(service, port, [.. mine.Where(endpoint => IsOf(endpoint, AddressFamily.InterNetwork))], "IPv4", sets);
        _ipv6 = new OfFamily(service, port, [.. mine.Where(endpoint => IsOf(endpoint, AddressFamily.InterNetworkV6))], "IPv6", sets);
    }

    public int Number { get; }

    /// <summary>Where a connection of <paramref name="client"/> goes that asked for an address of <paramref name="family"/>.</summary>
    public Route RouteTo(Workload client, Node? at, AddressFamily family, IEndpointPicker picker)
    {
        OfFamily asked = family == AddressFamily.InterNetwork ? _ipv4 : _ipv6;
        return asked.Groups.Pick(client, at, picker) ?? asked.Refusal();
    }

    /// <summary>The endpoints that serve the port. One may stand in two slices for a moment while they are rearranged; ready in either is ready.</summary>
    private static List<Endpoint> Distinct(ServicePort port, ImmutableArray<Endpoint> endpoints)
    {
        var distinct = new List<Endpoint>();
        var seen = new HashSet<Endpoint>(Endpoint.SamePlace);
        foreach (bool ready in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (Endpoint endpoint in endpoints)
            {
                if (endpoint.Ready == ready && endpoint.Port == port && seen.Add(endpoint))
                    distinct.Add(endpoint);
            }
        }

        return distinct;
    }

    private static bool IsOf(Endpoint endpoint, AddressFamily family) => endpoint.Address.AddressFamily == family;

    private sealed class OfFamily(Service service, ServicePort port, Endpoint[] endpoints, string family, EndpointSet[] sets)
    {
        private volatile Refused? _refused;

        public EndpointGroups Groups { get; } = new(service, endpoints);

        /// <summary>Why there is no endpoint for a client; the same object while the reason is the same.</summary>
        public Route.Deny Refusal()
        {
            int ready = 0, unreachable = 0;
            foreach (Endpoint endpoint in endpoints)
            {
                bool counts = endpoint.Ready || service.PublishNotReadyAddresses;
                ready += counts ? 1 : 0;
                unreachable += counts && endpoint.Route is null ? 1 : 0;
            }

            if (_refused is { } held && held.Ready == ready && held.Unreachable == unreachable)
                return held.Route;
            var route = new Route.Deny(DenyReason.NoReadyEndpoints, $"Service {service} port {port.Port} has no {Explain(ready, unreachable)}");
            _refused = new Refused(ready, unreachable, route);
            return route;
        }

        private string Explain(int ready, int unreachable)
        {
            if (endpoints.Length == 0)
                return WhyNone();
            string where = service.LocalOnly ? " on the client's node, as internalTrafficPolicy Local demands" : "";
            string unknown = unreachable == 0 ? "" : $", {unreachable} of them without a pod that is known to hold the address";
            return $"ready {family} endpoint{where} ({ready} of {endpoints.Length} endpoints ready{unknown})";
        }

        private string WhyNone()
        {
            if (!Array.Exists(sets, set => set.Addresses.Length > 0))
                return "endpoint: nothing is behind the service";
            string[] served = [.. sets.SelectMany(set => set.Ports).Select(known => $"\"{known.Name}\"").Distinct(StringComparer.Ordinal)];
            return Array.Exists(sets, set => set.Ports.Any(known => string.Equals(known.Name, port.Name, StringComparison.Ordinal)))
                ? $"{family} endpoint, and only such serve an {family} address"
                : $"endpoint that serves it: its EndpointSlices or pods have no port \"{port.Name}\" ({(served.Length == 0 ? "nor any other" : $"only {string.Join(", ", served)}")})";
        }

        private sealed record Refused(int Ready, int Unreachable, Route.Deny Route);
    }
}

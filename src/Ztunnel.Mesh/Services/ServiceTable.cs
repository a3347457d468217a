using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Mesh;

/// <summary>A service with its endpoints, arranged for deciding. Immutable but for what each endpoint knows of its pod.</summary>
internal sealed class ServiceTable
{
    private readonly Port[] _ports;
    private readonly UnknownPorts _unknownPorts;

    public ServiceTable(Service service, IEnumerable<Endpoint> endpoints)
    {
        Service = service;
        Endpoints = [.. endpoints];
        _ports = [.. service.Ports.Select(port => new Port(service, port, Endpoints))];
        _unknownPorts = new UnknownPorts(service);
    }

    public Service Service { get; }

    public ImmutableArray<Endpoint> Endpoints { get; }

    /// <summary>The ways to the service through its waypoint.</summary>
    public RedirectedRoutes Redirected { get; } = new();

    /// <summary>Where a connection to a virtual address of the service goes.</summary>
    /// <param name="client">Who connects.</param>
    /// <param name="at">The node the client is on, where it is known and the service minds.</param>
    /// <param name="destination">The virtual address it asked for.</param>
    /// <param name="picker">Chooses the endpoint.</param>
    public Route RouteTo(Workload client, Node? at, IPEndPoint destination, IEndpointPicker picker)
    {
        foreach (Port port in _ports)
        {
            if (port.Number == destination.Port)
                return port.RouteTo(client, at, destination.Address, picker);
        }

        return _unknownPorts.For((ushort)destination.Port);
    }

    private sealed class Port
    {
        private readonly EndpointGroups _ipv4;
        private readonly EndpointGroups _ipv6;
        private readonly Route.Deny _noneReady;

        public Port(Service service, ServicePort port, ImmutableArray<Endpoint> endpoints)
        {
            Number = port.Port;
            // One endpoint may stand in two slices for a moment while the slices are rearranged.
            Endpoint[] mine = [.. endpoints.Where(endpoint => endpoint.Port == port)];
            Endpoint[] distinct = [.. mine.OrderByDescending(endpoint => endpoint.Ready).DistinctBy(endpoint => (endpoint.Address, endpoint.Pod))];
            _ipv4 = new EndpointGroups(service, distinct, AddressFamily.InterNetwork);
            _ipv6 = new EndpointGroups(service, distinct, AddressFamily.InterNetworkV6);
            string where = service.LocalOnly ? " on the client's node, as internalTrafficPolicy Local demands" : "";
            _noneReady = new Route.Deny(
                DenyReason.NoReadyEndpoints,
                $"Service {service} port {port.Port} has no ready endpoint of the address family asked for{where} ({distinct.Count(endpoint => endpoint.Ready)} of {mine.Length} endpoints ready)");
        }

        public int Number { get; }

        public Route RouteTo(Workload client, Node? at, IPAddress virtualIp, IEndpointPicker picker)
        {
            bool isIPv4 = virtualIp.AddressFamily == AddressFamily.InterNetwork || virtualIp.IsIPv4MappedToIPv6;
            return (isIPv4 ? _ipv4 : _ipv6).Pick(client, at, picker) ?? _noneReady;
        }
    }

    private sealed class UnknownPorts(Service service) : PortRoutes
    {
        protected override Route Prepare(ushort port) =>
            new Route.Deny(
                DenyReason.UnknownServicePort,
                $"Service {service} has no TCP port {port} (it has {string.Join(", ", service.Ports.Select(known => known.Port))})");
    }
}

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

    public Route RouteTo(IPEndPoint destination, IEndpointPicker picker)
    {
        foreach (Port port in _ports)
        {
            if (port.Number == destination.Port)
                return port.RouteTo(destination.Address, picker);
        }

        return _unknownPorts.For((ushort)destination.Port);
    }

    private sealed class Port
    {
        private readonly Endpoint[] _readyIPv4;
        private readonly Endpoint[] _readyIPv6;
        private readonly Route.Deny _noneReady;

        public Port(Service service, ServicePort port, ImmutableArray<Endpoint> endpoints)
        {
            Number = port.Port;
            // One endpoint may stand in two slices for a moment while the slices are rearranged.
            Endpoint[] mine = [.. endpoints.Where(endpoint => endpoint.Port == port)];
            Endpoint[] ready = [.. mine.Where(endpoint => endpoint.Ready).DistinctBy(endpoint => (endpoint.Address, endpoint.Pod))];
            _readyIPv4 = [.. ready.Where(endpoint => endpoint.Address.AddressFamily == AddressFamily.InterNetwork)];
            _readyIPv6 = [.. ready.Where(endpoint => endpoint.Address.AddressFamily == AddressFamily.InterNetworkV6)];
            _noneReady = new Route.Deny(
                DenyReason.NoReadyEndpoints,
                $"Service {service} port {port.Port} has no ready endpoint of the address family asked for ({ready.Length} of {mine.Length} endpoints ready)");
        }

        public int Number { get; }

        public Route RouteTo(IPAddress virtualIp, IEndpointPicker picker)
        {
            bool isIPv4 = virtualIp.AddressFamily == AddressFamily.InterNetwork || virtualIp.IsIPv4MappedToIPv6;
            Endpoint[] ready = isIPv4 ? _readyIPv4 : _readyIPv6;
            if (ready.Length == 0)
                return _noneReady;
            return picker.Pick(new EndpointChoice { Candidates = ready })
                ?? picker.Pick(new EndpointChoice { Candidates = ready, LastResort = true })
                ?? _noneReady;
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

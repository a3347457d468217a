using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Mesh;

/// <summary>
/// A service with its endpoints, for deciding. Immutable but for what each endpoint knows of its pod. How the endpoints are
/// arranged is worked out when it is first asked for, as most services of a mesh have no client on a node; see <see cref="Arrange"/>.
/// </summary>
internal sealed class ServiceTable
{
    private readonly EndpointSet[] _sets;
    private readonly UnknownPorts _unknownPorts;
    private readonly OriginalRoutes _original;
    private volatile ServicePortTable? _ports;

    public ServiceTable(Service service, EndpointSet[] sets, ImmutableArray<Endpoint> endpoints)
    {
        Service = service;
        Waypoint = service.Waypoint;
        MindsTopology = service.MindsTopology;
        Endpoints = endpoints;
        _sets = sets;
        _unknownPorts = new UnknownPorts(service);
        _original = new OriginalRoutes(service);
    }

    public Service Service { get; }

    /// <summary>The waypoint the service asks for; at hand, so that a decision does not wait for the service itself.</summary>
    public WaypointRequest? Waypoint { get; }

    /// <inheritdoc cref="Service.MindsTopology"/>
    public bool MindsTopology { get; }

    public ImmutableArray<Endpoint> Endpoints { get; }

    /// <summary>The ways to the service through its waypoint.</summary>
    public RedirectedRoutes Redirected { get; } = new();

    /// <summary>Whether anybody has asked for a way to the service.</summary>
    public bool IsArranged => _ports is not null;

    /// <summary>
    /// Arranges the endpoints ahead of the next decision: for the writer to do where the service is in use, so that it does not
    /// fall to an event loop. Two that do it at the same time come to the same.
    /// </summary>
    /// <returns>The first port, which leads to the next; null for a service without any.</returns>
    public ServicePortTable? Arrange()
    {
        ServicePortTable? first = null;
        foreach (ServicePort port in Service.Ports.Reverse())
            first = new ServicePortTable(Service, port, Endpoints, _sets, first);
        return _ports = first;
    }

    /// <summary>Where a connection to a virtual address of the service goes.</summary>
    /// <param name="client">Who connects.</param>
    /// <param name="at">The node the client is on, where it is known and the service minds.</param>
    /// <param name="destination">The virtual address it asked for.</param>
    /// <param name="picker">Chooses the endpoint.</param>
    public Route RouteTo(Workload client, Node? at, IPEndPoint destination, IEndpointPicker picker)
    {
        for (ServicePortTable? port = _ports ?? Arrange(); port is not null; port = port.Next)
        {
            if (port.Number == destination.Port)
                return port.RouteTo(client, at, FamilyOf(destination.Address), picker);
        }

        return _unknownPorts.For((ushort)destination.Port);
    }

    /// <summary>The way to the very address a client asked for; null where whoever connects knows it.</summary>
    public Route Original(IPEndPoint? asked) => _original.To(asked);

    private static AddressFamily FamilyOf(IPAddress virtualIp) =>
        virtualIp.IsIPv4MappedToIPv6 ? AddressFamily.InterNetwork : virtualIp.AddressFamily;

    private sealed class UnknownPorts(Service service) : PortRoutes
    {
        protected override Route Prepare(ushort port) =>
            new Route.Deny(
                DenyReason.UnknownServicePort,
                $"Service {service} has no TCP port {port} (it has {string.Join(", ", service.Ports.Select(known => known.Port))})");
    }
}

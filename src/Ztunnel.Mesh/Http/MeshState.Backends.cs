using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <content>Where a gateway's requests go, once it is decided which service they are for.</content>
public sealed partial class MeshState
{
    /// <summary>
    /// The way from a gateway to one endpoint of a port of a service, or to the service's waypoint where that takes what comes
    /// from <paramref name="gateway"/> and it is not the waypoint itself.
    /// </summary>
    /// <param name="gateway">The gateway's pod.</param>
    /// <param name="service">The service.</param>
    /// <param name="port">The service's port.</param>
    /// <param name="picker">Chooses the endpoint.</param>
    /// <param name="asked">The address the client asked for, where it asked for the service: what its endpoint is where the service has none of its own.</param>
    public Route RouteToService(Workload gateway, ServiceName service, ushort port, IEndpointPicker picker, IPEndPoint? asked = null)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(picker);
        if (_services.GetValueOrDefault(service)?.Table is not { } table)
            return new Route.Deny(DenyReason.UnknownServicePort, $"Service {service} does not exist");
        Route? first = null;
        foreach (IPAddress address in AddressesOf(table.Service))
        {
            Route route = RouteToAddress(gateway, table, new IPEndPoint(address, port), picker, asked);
            if (route is not Route.Deny { Reason: DenyReason.NoReadyEndpoints })
                return route;
            first ??= route;
        }

        return first!;
    }

    /// <summary>The way from a gateway to a port of a workload's own address: past its waypoint, which the gateway has to be.</summary>
    public Route RouteToWorkload(IPEndPoint destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return CellAt(NetworkAddress.From(destination.Address))?.Entry is { Workload: not null } entry
            ? entry.RouteTo((ushort)destination.Port)
            : new Route.Deny(DenyReason.NoReadyEndpoints, $"no workload is at {destination.Address}");
    }

    private Route RouteToAddress(Workload gateway, ServiceTable table, IPEndPoint destination, IEndpointPicker picker, IPEndPoint? asked) =>
        table.Service.Entry is { OriginalDestination: true } && table.Service.Serves(destination.Port)
            ? _redirect.ToService(gateway, table, destination, picker) ?? OriginalOf(table, destination.Port, asked)
            : RouteToEndpoint(gateway, table, destination, picker);

    /// <summary>The way to an endpoint of a service, or to the waypoint that it or the service is bound to.</summary>
    private Route RouteToEndpoint(Workload source, ServiceTable table, IPEndPoint destination, IEndpointPicker picker) =>
        _redirect.ToService(source, table, destination, picker)
        ?? _redirect.ToEndpoint(source, table, RouteTo(table, source, destination, picker), destination, picker);

    /// <summary>The way to the very address a client asked for, if that is the service's.</summary>
    private static Route OriginalOf(ServiceTable table, int port, IPEndPoint? asked) =>
        asked is not null && asked.Port == port && !IsUnspecified(asked.Address)
            ? table.Original(asked)
            : new Route.Deny(DenyReason.NoReadyEndpoints, $"Service {table.Service} has no endpoints of its own: it is reached at the address a client asks for");

    private static bool IsUnspecified(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    /// <summary>What stands for the service: its virtual addresses, and for one that has none of a family any address of that family.</summary>
    private static ImmutableArray<IPAddress> AddressesOf(Service service) => service.VirtualIps.IsEmpty ? [IPAddress.Any, IPAddress.IPv6Any] : service.VirtualIps;
}

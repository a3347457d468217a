using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// Where a connection goes whose destination is bound to a waypoint: through a ready instance of that waypoint, or nowhere.
/// What is addressed to a service's virtual IP looks at the service's waypoint, what is addressed to a workload at the
/// workload's, and nothing passes two. As Istio's ztunnel (src/proxy/outbound.rs), but that it fails closed.
/// </summary>
internal sealed class WaypointRedirect(
    GatewayTable gateways,
    MeshOptions options,
    Func<ServiceName, ServiceTable?> services,
    Func<NetworkAddress, AddressEntry?> addresses,
    Func<ServiceTable, Workload, IPEndPoint, IEndpointPicker, Route> routeTo)
{
    // Who asks when nobody connects: for finding out whether there is a ready instance.
    private static readonly Workload Nobody = new()
    {
        Uid = "",
        Name = "",
        Namespace = "",
        ServiceAccount = "",
        Identity = SpiffeId.Create("cluster.local", "default", "default"),
    };

    private static readonly IPEndPoint AnyIPv4 = new(IPAddress.Any, CaptureContract.HbonePort);
    private static readonly IPEndPoint AnyIPv6 = new(IPAddress.IPv6Any, CaptureContract.HbonePort);

    /// <summary>The way to a service through its waypoint; null when it has none for this client.</summary>
    public Route? ToService(Workload source, ServiceTable table, IPEndPoint destination, IEndpointPicker picker)
    {
        if (table.Waypoint is not WaypointRequest.Named request)
            return null;
        Service service = table.Service;
        if (!service.Serves(destination.Port))
            return null;
        if (!service.IngressUsesWaypoint && gateways.IsIngress(source))
            return null;
        return Through(request, source, new Asked(destination, WaypointTraffic.Service, service, null), table.Redirected, picker);
    }

    /// <summary>
    /// The way to a service whose chosen endpoint is bound to a waypoint by its service account; <paramref name="direct"/> when it is not.
    /// </summary>
    public Route ToEndpoint(Workload source, ServiceTable table, Route direct, IPEndPoint destination, IEndpointPicker picker)
    {
        if (!gateways.AnyByAccount || table.Waypoint is not null)
            return direct;
        if (WorkloadAt(direct) is not { } workload || gateways.AccountRequestOf(workload) is not { } request)
            return direct;
        return Through(request, source, new Asked(destination, WaypointTraffic.Service, table.Service, workload), table.Redirected, picker) ?? direct;
    }

    /// <summary>The way to a workload's own address through its waypoint; null when it has none for this client.</summary>
    public Route? ToWorkload(Workload source, AddressEntry entry, IPEndPoint destination, IEndpointPicker picker)
    {
        if (entry.Workload is not { } workload || gateways.RequestOf(workload) is not { } request)
            return null;
        if (request.Origin != WaypointOrigin.ServiceAccount && gateways.IsIngress(source))
            return null;
        return Through(request, source, new Asked(destination, WaypointTraffic.Workload, null, workload), entry.Redirected, picker);
    }

    /// <summary>How a service stands with the waypoint it asks for; null when it asks for none.</summary>
    public WaypointBinding? BindingOf(Service service)
    {
        if (service.Waypoint is not WaypointRequest.Named request || IsOwnService(service, gateways.Find(request.Gateway)))
            return null;
        WaypointBinding binding = Describe(request, WaypointTraffic.Service, service.Name.Namespace);
        return binding.Bound && service.IngressUsesWaypoint
            ? binding with { Message = $"{binding.Message}. Ingress traffic will traverse the waypoint" }
            : binding;
    }

    /// <summary>
    /// How a workload stands with the waypoint it asks for; null when it asks for none, and when its namespace names one that is
    /// not for workloads.
    /// </summary>
    public WaypointBinding? BindingOf(Workload workload)
    {
        if (gateways.RequestOf(workload) is not { } request)
            return null;
        WaypointBinding binding = Describe(request, WaypointTraffic.Workload, workload.Namespace);
        return binding.Reason == WaypointReason.UnsupportedTrafficType && request.Origin != WaypointOrigin.Own ? null : binding;
    }

    /// <summary>Whether <paramref name="identity"/> is that of a pod at which <paramref name="gateway"/> is reached.</summary>
    public bool IsReachedAs(SpiffeId identity, GatewayName gateway)
    {
        switch (gateways.Find(gateway)?.Waypoint?.Target)
        {
            case GatewayTarget.Service service:
                return services(service.Name) is { } table && IsBehind(identity, table);
            case GatewayTarget.Address { EndPoint.Address: var address }:
                AddressEntry? entry = addresses(NetworkAddress.From(address));
                return entry?.Workload?.Identity == identity || (entry?.Service?.Table is { } behind && IsBehind(identity, behind));
            default:
                return false;
        }
    }

    /// <summary>Whether a service is the very one through which <paramref name="gateway"/> is reached: it cannot be reached through itself.</summary>
    public static bool IsOwnService(Service service, Gateway? gateway) => gateway?.Waypoint?.Target switch
    {
        GatewayTarget.Service target => target.Name == service.Name,
        GatewayTarget.Address target => service.VirtualIps.Contains(target.EndPoint.Address),
        _ => false,
    };

    private static bool IsBehind(SpiffeId identity, ServiceTable table)
    {
        foreach (Endpoint endpoint in table.Endpoints)
        {
            if (endpoint.Route is { } route && WorkloadAt(route)?.Identity == identity)
                return true;
        }

        return false;
    }

    private static Workload? WorkloadAt(Route route) => route switch
    {
        Route.Tunnel tunnel => tunnel.Destination,
        Route.Passthrough passthrough => passthrough.Workload,
        _ => null,
    };

    private Route? Through(WaypointRequest.Named request, Workload source, in Asked asked, RedirectedRoutes routes, IEndpointPicker picker)
    {
        // What the waypoint itself sends has been through it; several Gateways may be the same pods.
        if (source.Gateway is not null && (source.Gateway == request.Gateway || IsReachedAs(source.Identity, request.Gateway)))
            return null;
        Gateway? gateway = gateways.Find(request.Gateway);
        string consumer = asked.Namespace;
        WaypointReason reason = WaypointRule.Judge(asked.Traffic, gateway, consumer, gateways.LabelsOf(consumer));
        if (reason == WaypointReason.UnsupportedTrafficType || (asked.Service is { } service && IsOwnService(service, gateway)))
            return null;
        GatewayTarget? target = reason == WaypointReason.WaypointAccepted ? gateway!.Waypoint!.Target : null;
        Route? via = target is null ? null : Reach(target, source, asked.Destination.Address, picker);
        if (InstanceAt(request.Gateway, target, via) is { } instance)
            return routes.Through(instance, asked.Destination, asked.Service, options.WaypointAuthority);
        return routes.Refused(gateway, reason, via)
            ?? routes.Refuse(gateway, reason, via, $"{asked.Subject} is bound to waypoint {request.Gateway}: {Trouble(gateway, reason, via, consumer)}");
    }

    /// <summary>The route to an instance, preferably by the address family of what was asked for; why there is none; null where nothing is known.</summary>
    private Route? Reach(GatewayTarget target, Workload source, IPAddress asked, IEndpointPicker picker)
    {
        switch (target)
        {
            case GatewayTarget.Service { Name: var name } when services(name) is { } table:
                bool isIPv4 = NetworkAddress.From(asked).IsIPv4;
                Route route = routeTo(table, source, isIPv4 ? AnyIPv4 : AnyIPv6, picker);
                Route? other = route is Route.Deny { Reason: DenyReason.NoReadyEndpoints } ? routeTo(table, source, isIPv4 ? AnyIPv6 : AnyIPv4, picker) : null;
                return other is null or Route.Deny ? route : other;
            case GatewayTarget.Address { EndPoint: var at } when addresses(NetworkAddress.From(at.Address)) is { } entry:
                if (entry.Service is { } cell)
                    return cell.Table is { } behind ? routeTo(behind, source, at, picker) : null;
                return entry.Workload is { Ready: true } ? entry.RouteTo((ushort)at.Port) : null;
            default:
                return null;
        }
    }

    private static WaypointInstance? InstanceAt(GatewayName waypoint, GatewayTarget? target, Route? via) => via switch
    {
        Route.Tunnel tunnel => new WaypointInstance(waypoint, via, tunnel.NextHop, tunnel.Destination),
        Route.Passthrough { Workload: { } workload, Destination: { } destination } => new WaypointInstance(waypoint, via, destination, workload),
        Route.Passthrough { Workload: { } workload } when target is GatewayTarget.Address at => new WaypointInstance(waypoint, via, at.EndPoint, workload),
        _ => null,
    };

    /// <summary>Why the waypoint cannot be used, for a person.</summary>
    private static string Trouble(Gateway? gateway, WaypointReason reason, Route? via, string consumer) => (gateway, reason, via) switch
    {
        (null, _, _) => "there is no such Gateway",
        ({ Waypoint: null }, _, _) => "that Gateway is no waypoint",
        (_, WaypointReason.AttachmentDenied, _) => $"its allowedRoutes do not admit namespace {consumer}",
        (_, _, Route.Deny deny) => deny.Detail,
        (_, _, not null) => "it is not reached at a pod, so nothing can be expected of its identity",
        ({ Waypoint.Target: GatewayTarget.Unusable { Reason: var why } }, _, _) => why,
        ({ Waypoint.Target: GatewayTarget.Service service }, _, _) => $"{service} does not exist",
        ({ Waypoint.Target: var target }, _, _) => $"no ready pod is at {target}",
    };

    private WaypointBinding Describe(WaypointRequest.Named request, WaypointTraffic wanted, string consumer)
    {
        Gateway? gateway = gateways.Find(request.Gateway);
        WaypointReason reason = gateways.Judge(request, wanted, consumer);
        Route? via = null;
        if (reason == WaypointReason.WaypointAccepted)
        {
            GatewayTarget target = gateway!.Waypoint!.Target;
            via = Reach(target, Nobody, IPAddress.Any, FirstReady.Picker);
            if (InstanceAt(request.Gateway, target, via) is null)
                reason = WaypointReason.WaypointIsNotReady;
        }

        string? cause = reason == WaypointReason.WaypointIsNotReady ? Trouble(gateway, reason, via, consumer) : null;
        return new WaypointBinding(
            request.Gateway, reason, WaypointRule.Explain(reason, wanted, request.Gateway, cause), DestinationOf(gateway?.Waypoint?.Target));
    }

    private string? DestinationOf(GatewayTarget? target) => target switch
    {
        GatewayTarget.Service { Name: var name } => services(name) is { } table ? $"{name.Namespace}/{table.Service.Hostname}" : null,
        GatewayTarget.Address { EndPoint.Address: var address } => $"/{address}",
        _ => null,
    };

    /// <summary>What a client asked for.</summary>
    private readonly record struct Asked(IPEndPoint Destination, WaypointTraffic Traffic, Service? Service, Workload? Workload)
    {
        /// <summary>The namespace of what is bound: the workload's where it is bound, else the service's.</summary>
        public string Namespace => Workload?.Namespace ?? Service!.Name.Namespace;

        public string Subject => Service is null ? $"Pod {Workload}" : $"Service {Service}";
    }
}

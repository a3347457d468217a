using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A Gateway with everything that bears on it, judged: what of it is served, and what statuses say. Pure.</summary>
internal sealed record GatewaySettlement
{
    /// <summary>What is served; null for nothing.</summary>
    public HttpGateway? Served { get; private init; }

    /// <summary>The Gateway's status.</summary>
    public required GatewayApiStatus Status { get; init; }

    /// <summary>What becomes of each route at each parent reference that names the Gateway.</summary>
    public ImmutableArray<(RouteName Route, int Index, ValueArray<StatusCondition> Conditions)> Routes { get; private init; } = [];

    public static GatewaySettlement Of(
        GatewayObject gateway, GatewayRole role, ImmutableArray<ListenerState> listeners, GatewayAddresses addresses, List<RouteAttachment> attachments, Func<RouteObject, ResolvedRoute> resolve)
    {
        List<RouteAttachment> settled = RouteKindConflicts.Settle(attachments);
        (RouteAttachment Attachment, ResolvedRoute Resolved)[] routes = [.. settled.Select(attachment => (attachment, resolve(attachment.Route)))];
        ListenerStatus[] statuses = [.. listeners.Select((state, index) => state.Status(settled
            .Where(attachment => attachment.Listeners.Any(listener => listener.Listener == index)).DistinctBy(attachment => attachment.Route.Key).Count()))];
        return new GatewaySettlement
        {
            Status = GatewayApiStatus.Of(gateway) with
            {
                Conditions = GatewayConditions.Of(gateway, role, listeners, addresses),
                Addresses = addresses.Assigned,
                Listeners = role == GatewayRole.Remote ? [] : [.. statuses],
            },
            Served = role == GatewayRole.Remote || gateway.ParametersFault() is not null || addresses.Services is not { } services ? null : new HttpGateway
            {
                Name = new GatewayName(gateway.Metadata.Namespace, gateway.Metadata.Name),
                Created = gateway.Metadata.Created,
                Waypoint = role == GatewayRole.Waypoint,
                Services = [.. services],
                Listeners = role == GatewayRole.Waypoint ? [] : [.. Listeners(gateway, listeners, routes)],
            },
            Routes = [.. routes.Select(route => (route.Resolved.Route.Name, route.Attachment.Index, route.Resolved.Conditions(route.Attachment.Refusal)))],
        };
    }

    private static IEnumerable<ServedListener> Listeners(
        GatewayObject gateway, ImmutableArray<ListenerState> listeners, (RouteAttachment Attachment, ResolvedRoute Resolved)[] routes)
    {
        var name = new GatewayName(gateway.Metadata.Namespace, gateway.Metadata.Name);
        for (int index = 0; index < listeners.Length; index++)
        {
            ListenerState state = listeners[index];
            if (!state.Programmed)
                continue;
            (ResolvedRoute Route, ImmutableArray<HostnamePattern> Hostnames)[] attached =
            [
                .. routes.SelectMany(route => route.Attachment.Listeners.Where(listener => listener.Listener == index).Select(listener => (route.Resolved, listener.Hostnames))),
            ];
            yield return state.IsTls || state.IsTcp ? Relaying(name, state, attached) : Answering(name, state, attached);
        }
    }

    private static HttpListener Answering(GatewayName gateway, ListenerState state, (ResolvedRoute Route, ImmutableArray<HostnamePattern> Hostnames)[] attached) => new()
    {
        Gateway = gateway,
        Name = state.Listener.Name,
        Port = state.Listener.Port,
        Tls = state.Encrypted,
        Hostname = state.Hostname,
        Certificates = state.Certificates,
        Routes = new HttpRouteTable(attached.SelectMany(route => route.Route.Matches(route.Hostnames))),
    };

    private static StreamListener Relaying(GatewayName gateway, ListenerState state, (ResolvedRoute Route, ImmutableArray<HostnamePattern> Hostnames)[] attached) => new()
    {
        Gateway = gateway,
        Name = state.Listener.Name,
        Port = state.Listener.Port,
        Mode = state.IsTcp ? StreamMode.Tcp : state.Passthrough ? StreamMode.Passthrough : StreamMode.Terminate,
        Hostname = state.Hostname,
        Certificates = state.Certificates,
        Routes = [.. attached.SelectMany(route => route.Route.Streams(route.Hostnames))],
    };
}

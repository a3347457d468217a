using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// The ways to one service or workload through the instances of its waypoint, each made when first taken and kept, so that
/// taking it again allocates nothing. Any thread may ask. How many are kept is bounded.
/// </summary>
internal sealed class RedirectedRoutes
{
    private const int MaxKept = 32;

    private volatile Prepared[] _kept = [];
    private volatile Refusal? _refusal;

    /// <summary>The way to <paramref name="destination"/> along <paramref name="instance"/>.</summary>
    public Route.Tunnel Through(in WaypointInstance instance, IPEndPoint destination, Service? service, WaypointAuthority authority)
    {
        Prepared[] kept = _kept;
        var address = NetworkAddress.From(destination.Address);
        foreach (Prepared prepared in kept)
        {
            if (ReferenceEquals(prepared.Via, instance.Via) && prepared.Port == destination.Port && prepared.Address == address)
                return prepared.Route;
        }

        Route.Tunnel route = new(
            instance.NextHop, Authority(destination, service, authority), instance.Workload.Identity, instance.Workload, service)
        {
            Endpoint = instance.Via.Endpoint,
            Waypoint = instance.Waypoint,
        };
        // What is kept of an instance that has changed since is never asked for again: the oldest makes room.
        Prepared[] rest = kept.Length < MaxKept ? kept : kept[1..];
        Interlocked.CompareExchange(ref _kept, [.. rest, new Prepared(instance.Via, address, destination.Port, route)], kept);
        return route;
    }

    /// <summary>The refusal kept for the same cause: the same Gateway, or none, and the same trouble with its instances.</summary>
    public Route.Deny? Refused(Gateway? gateway, WaypointReason reason, Route? via) =>
        _refusal is { } held && ReferenceEquals(held.Gateway, gateway) && held.Reason == reason && ReferenceEquals(held.Via, via) ? held.Route : null;

    /// <summary>Keeps a refusal and its cause.</summary>
    public Route.Deny Refuse(Gateway? gateway, WaypointReason reason, Route? via, string detail)
    {
        var route = new Route.Deny(DenyReason.WaypointMissing, detail);
        _refusal = new Refusal(gateway, reason, via, route);
        return route;
    }

    // What has no virtual address is reached by its name only.
    private static string Authority(IPEndPoint destination, Service? service, WaypointAuthority authority) =>
        service is not null && (authority == WaypointAuthority.Hostname || destination.Address.Equals(IPAddress.Any) || destination.Address.Equals(IPAddress.IPv6Any))
            ? $"{service.Hostname}:{destination.Port}"
            : new IPEndPoint(NetworkAddress.Normalise(destination.Address), destination.Port).ToString();

    private sealed record Prepared(Route Via, NetworkAddress Address, int Port, Route.Tunnel Route);

    private sealed record Refusal(Gateway? Gateway, WaypointReason Reason, Route? Via, Route.Deny Route);
}

using System.Net;
using System.Runtime.CompilerServices;

namespace Ztunnel.Mesh;

/// <summary>
/// The ways to one service or workload through the instances of its waypoint, each made when first taken and kept, so that
/// taking it again allocates nothing and whoever keeps something by it finds that again. Any thread may ask. What is kept of an
/// instance goes when the model no longer knows it so; a client that tries ports cannot make it grow.
/// </summary>
internal sealed class RedirectedRoutes
{
    /// <summary>Most ways through one instance: what a service has of addresses and ports is far less.</summary>
    private const int MaxWays = 1024;

    private ConditionalWeakTable<Route, Ways>? _kept;
    private volatile Refusal? _refusal;

    /// <summary>The way to <paramref name="destination"/> along <paramref name="instance"/>.</summary>
    public Route.Tunnel Through(in WaypointInstance instance, IPEndPoint destination, Service? service, WaypointAuthority authority)
    {
        ConditionalWeakTable<Route, Ways> kept = Volatile.Read(ref _kept) ?? Begin();
        Ways ways = kept.GetValue(instance.Via, static _ => new Ways());
        var asked = (NetworkAddress.From(destination.Address), destination.Port);
        if (ways.Find(asked) is { } found)
            return found;
        Route.Tunnel route = new(
            instance.NextHop, Authority(destination, service, authority), instance.Workload.Identity, instance.Workload, service)
        {
            Endpoint = instance.Via.Endpoint,
            Waypoint = instance.Waypoint,
        };
        return ways.Add(asked, route);
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

    private ConditionalWeakTable<Route, Ways> Begin()
    {
        ConditionalWeakTable<Route, Ways> first = [];
        return Interlocked.CompareExchange(ref _kept, first, null) ?? first;
    }

    /// <summary>The ways through one instance, by what was asked for. Found without a lock: a way more is another dictionary.</summary>
    private sealed class Ways
    {
        private readonly Lock _adding = new();
        private volatile Dictionary<(NetworkAddress Address, int Port), Route.Tunnel> _routes = [];

        public Route.Tunnel? Find((NetworkAddress Address, int Port) asked) => _routes.GetValueOrDefault(asked);

        /// <summary>Keeps a way, or gives the one that another thread has kept meanwhile.</summary>
        public Route.Tunnel Add((NetworkAddress Address, int Port) asked, Route.Tunnel route)
        {
            lock (_adding)
            {
                if (Find(asked) is { } other)
                    return other;
                Dictionary<(NetworkAddress Address, int Port), Route.Tunnel> rest = _routes.Count < MaxWays ? _routes : [];
                _routes = new(rest) { [asked] = route };
                return route;
            }
        }
    }

    private sealed record Refusal(Gateway? Gateway, WaypointReason Reason, Route? Via, Route.Deny Route);
}

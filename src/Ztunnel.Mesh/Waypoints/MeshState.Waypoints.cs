using System.Net;

namespace Ztunnel.Mesh;

/// <content>Waypoints: which Gateways there are, and who is bound to them.</content>
public sealed partial class MeshState
{
    private readonly GatewayTable _gateways = new();
    private readonly WaypointRedirect _redirect;
    private readonly WaypointGuard _guard;

    /// <summary>An empty mesh.</summary>
    public MeshState(MeshOptions? options = null)
    {
        options ??= new MeshOptions();
        _redirect = new WaypointRedirect(_gateways, options, name => _services.GetValueOrDefault(name)?.Table, EntryOf);
        _guard = new WaypointGuard(_gateways, _redirect, options, EntryOf);
    }

    /// <summary>How a service stands with the waypoint it asks for; null when it asks for none.</summary>
    public WaypointBinding? WaypointOf(Service service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return _redirect.BindingOf(service);
    }

    /// <summary>
    /// How a workload stands with the waypoint it asks for; null when it asks for none, and when all that asks is its namespace
    /// and the waypoint is not for workloads.
    /// </summary>
    public WaypointBinding? WaypointOf(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return _redirect.BindingOf(workload);
    }

    /// <summary>
    /// Why a connection may not reach a pod that is bound to a waypoint it did not come through
    /// (<see cref="DenyReason.WaypointBypassed"/>); null when it may, as far as waypoints go.
    /// </summary>
    /// <param name="destination">The pod.</param>
    /// <param name="at">Its address and the port asked for.</param>
    /// <param name="peer">The identity the client has proved, or null.</param>
    public Route.Deny? CheckWaypoint(Workload destination, IPEndPoint at, SpiffeId? peer)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(at);
        return _guard.Check(destination, at, peer);
    }

    /// <summary>Adds a Gateway or replaces the one of its name.</summary>
    public void Put(Gateway gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        lock (_writing)
        {
            if (_gateways.Find(gateway.Name) == gateway)
                return;
            _gateways.Put(gateway);
            EntriesWritten++;
        }
    }

    /// <summary>Removes a Gateway, if it is there. What is bound to it stays bound, and is refused.</summary>
    public void RemoveGateway(GatewayName name)
    {
        lock (_writing)
        {
            _gateways.Remove(name);
            EntriesWritten++;
        }
    }

    /// <summary>Takes the labels of a namespace, which decide whether waypoints that select namespaces let it in.</summary>
    public void PutNamespace(string name, StringMap labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        lock (_writing)
            _gateways.PutNamespace(name, labels);
    }

    /// <summary>Forgets the labels of a namespace.</summary>
    public void RemoveNamespace(string name)
    {
        lock (_writing)
            _gateways.RemoveNamespace(name);
    }

    private AddressEntry? EntryOf(IPAddress address) => _addresses.TryGetValue(NetworkAddress.From(address), out AddressCell? cell) ? cell.Entry : null;
}

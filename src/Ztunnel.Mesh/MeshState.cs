using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// The mesh as this agent knows it: workloads, services and their endpoints, and the decision where a connection goes. A
/// change costs what it touches (a pod its addresses and the endpoints at them; an endpoint set its service), however large
/// the mesh. Reading takes no locks and may happen on any thread: what is read is immutable, and each change shows at once.
/// Writing is for one thread at a time.
/// </summary>
public sealed partial class MeshState
{
    private readonly Lock _writing = new();
    private readonly ConcurrentDictionary<NetworkAddress, AddressCell> _addresses = new();
    private readonly ConcurrentDictionary<string, Workload> _workloads = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<ServiceName, ServiceCell> _services = new();
    private readonly AddressBlocks _blocks = new();
    private ImmutableArray<Action<WorkloadChange>> _observers = [];

    /// <summary>All workloads, in no order. A snapshot taken while the model changes may hold some changes and not others.</summary>
    public IEnumerable<Workload> Workloads => _workloads.Select(entry => entry.Value);

    /// <summary>All services, in no order; as <see cref="Workloads"/>.</summary>
    public IEnumerable<Service> Services => _services.Select(entry => entry.Value.Table?.Service).OfType<Service>();

    /// <summary>The policies about who may connect to whom.</summary>
    public PolicyTable Policies { get; }

    /// <summary>How many immutable entries have been replaced so far: what the changes have cost.</summary>
    internal long EntriesWritten { get; private set; }

    /// <summary>How many addresses anything is known of.</summary>
    internal int AddressCount => _addresses.Count;

    /// <summary>
    /// The workload that <paramref name="address"/> belongs to. Null for an unknown address, for one of a host network (which
    /// belongs to the node), for a virtual IP, and for one that two workloads claim with nothing to tell the later.
    /// </summary>
    public Workload? WorkloadByAddress(IPAddress address) =>
        _addresses.TryGetValue(NetworkAddress.From(address), out AddressCell? cell) ? cell.Entry.Workload : null;

    /// <summary>The workload with that <see cref="Workload.Uid"/>.</summary>
    public Workload? WorkloadByUid(string uid) => _workloads.GetValueOrDefault(uid);

    /// <summary>The service of that name.</summary>
    public Service? ServiceByName(ServiceName name) => _services.GetValueOrDefault(name)?.Table?.Service;

    /// <summary>
    /// The service that has <paramref name="address"/> as a virtual address, for clients in a namespace; null stands for nobody in
    /// particular, and for none that is not known.
    /// </summary>
    public Service? ServiceByVirtualIp(IPAddress address, string? client = null)
    {
        var at = NetworkAddress.From(address);
        return ServiceAt(at, CellAt(at), client, out _)?.Table?.Service;
    }

    /// <summary>The endpoints of a service, ready or not; empty for a service that is not known.</summary>
    public ImmutableArray<Endpoint> EndpointsOf(ServiceName service) => _services.GetValueOrDefault(service)?.Table?.Endpoints ?? [];

    /// <summary>
    /// Where a connection that <paramref name="source"/> opens to <paramref name="destination"/> goes. Takes no lock and, but
    /// for the first decision on a pod's port, allocates nothing.
    /// </summary>
    /// <param name="source">The workload whose connection was captured; one outside the mesh gets what it would have had without us.</param>
    /// <param name="destination">The address it asked for.</param>
    /// <param name="picker">Chooses the endpoint when the address is a service's.</param>
    public Route Decide(Workload source, IPEndPoint destination, IEndpointPicker picker)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(picker);
        if (!source.Ambient)
            return Route.Passthrough.Unchanged;
        var address = NetworkAddress.From(destination.Address);
        if (_addresses.TryGetValue(address, out AddressCell? cell) && cell.Service is { } known)
            return RouteToEndpoint(source, known, destination, picker);
        ServiceCell? service = ServiceAt(address, cell, source.Namespace, out AddressEntry entry);
        if (service is null)
            return _redirect.ToWorkload(source, entry, destination, picker) ?? entry.RouteTo((ushort)destination.Port);
        // The addresses of a ServiceEntry may be real ones, at which there is more than it says.
        if (service.Table is not { } table || (table.Service.Entry is not null && !table.Service.Serves(destination.Port)))
            return Route.Passthrough.Unchanged;
        return table.Service.Entry is { OriginalDestination: true }
            ? _redirect.ToService(source, table, destination, picker) ?? table.Original(null)
            : RouteToEndpoint(source, table, destination, picker);
    }

    /// <summary>
    /// Whether a connection to a workload is let in, by the policies about it and by where it has to come through. Takes no lock
    /// and allocates nothing but what policies that are only watched have to say, what is worked out afresh after a change, and
    /// the words of a refusal for going past a waypoint.
    /// </summary>
    public AuthorizationVerdict Authorize(in ConnectionFacts facts)
    {
        AuthorizationVerdict verdict = Policies.Authorize(facts);
        return verdict.Allowed && _guard.Check(facts) is { } bypassed ? verdict with { Refusal = bypassed } : verdict;
    }

    /// <summary>
    /// Tells <paramref name="observer"/> of every workload there is, as if it had just appeared, and then of every change, on
    /// the writer's thread, after the change shows to readers. It must not throw and should return soon. Dispose the result to
    /// stop.
    /// </summary>
    public IDisposable Observe(Action<WorkloadChange> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        lock (_writing)
        {
            foreach (Workload workload in Workloads)
                observer(new WorkloadChange(null, workload));
            _observers = _observers.Add(observer);
        }

        return new Observation(this, observer);
    }

    /// <summary>Adds a workload or replaces the one with its <see cref="Workload.Uid"/>. Nothing happens when it is equal to it.</summary>
    public void Put(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        lock (_writing)
        {
            Workload? old = _workloads.GetValueOrDefault(workload.Uid);
            if (workload == old)
                return;
            _workloads[workload.Uid] = workload;
            EntriesWritten++;
            _gateways.Follow(old, workload);
            Readdress(old, workload);
            if (old is not null && old.Waypoint != workload.Waypoint)
                Policies.Announce(workload.Namespace);
            Tell(new WorkloadChange(old, workload));
        }
    }

    /// <summary>Removes the workload with that <see cref="Workload.Uid"/>, if there is one.</summary>
    public void RemoveWorkload(string uid)
    {
        lock (_writing)
        {
            if (!_workloads.TryRemove(uid, out Workload? old))
                return;
            EntriesWritten++;
            Policies.Forget(uid);
            _gateways.Follow(old, null);
            Readdress(old, null);
            Tell(new WorkloadChange(old, null));
        }
    }

    /// <summary>Adds a service or replaces the one of its name. Nothing happens when it is equal to it.</summary>
    public void Put(Service service)
    {
        ArgumentNullException.ThrowIfNull(service);
        lock (_writing)
        {
            ServiceCell cell = _services.GetOrAdd(service.Name, name => new ServiceCell(name));
            if (cell.Service != service)
                Replace(cell, service);
        }
    }

    /// <summary>Removes a service, if it is there. Its endpoint sets stay for when it comes back.</summary>
    public void RemoveService(ServiceName name)
    {
        lock (_writing)
        {
            if (_services.TryGetValue(name, out ServiceCell? cell) && cell.Service is not null)
                Replace(cell, null);
        }
    }

    /// <summary>Adds an endpoint set, also ahead of its service, or replaces the one of its service and name.</summary>
    public void Put(EndpointSet set)
    {
        ArgumentNullException.ThrowIfNull(set);
        lock (_writing)
        {
            ServiceCell cell = _services.GetOrAdd(set.Service, name => new ServiceCell(name));
            if (cell.Sets.TryGetValue(set.Name, out (EndpointSet Set, Endpoint[] Endpoints) held) && held.Set == set)
                return;
            Endpoint[] endpoints = Attach(cell.Service, set, held.Endpoints ?? []);
            cell.Sets[set.Name] = (set, endpoints);
            Publish(cell);
            Detach((held.Endpoints ?? []).Except(endpoints));
            AnnounceGuarded(cell, held.Endpoints ?? [], endpoints);
        }
    }

    /// <summary>Removes an endpoint set, if it is there.</summary>
    public void RemoveEndpoints(ServiceName service, string set)
    {
        lock (_writing)
        {
            if (!_services.TryGetValue(service, out ServiceCell? cell) || !cell.Sets.TryGetValue(set, out (EndpointSet Set, Endpoint[] Endpoints) held))
                return;
            cell.Sets.Remove(set);
            Publish(cell);
            Detach(held.Endpoints);
        }
    }

    private void Replace(ServiceCell cell, Service? service)
    {
        Service? old = cell.Service;
        cell.Service = service;
        Rename(cell, old, service);
        List<Endpoint> left = Reattach(cell, old);
        Publish(cell);
        Detach(left);

        foreach (IPAddress gone in (old?.VirtualIps ?? []).Except(service?.VirtualIps ?? []))
            Change(gone, address => address.Claim(cell, null));
        foreach (IPAddress @new in (service?.VirtualIps ?? []).Except(old?.VirtualIps ?? []))
            Change(@new, address => address.Claim(null, cell));
        _blocks.Change(cell, old?.Entry?.Ranges ?? [], service?.Entry?.Ranges ?? []);
        FollowEntry(cell.Name, old?.Entry?.Name, service?.Entry?.Name);
        if (old?.Waypoint != service?.Waypoint || old?.IngressUsesWaypoint != service?.IngressUsesWaypoint)
            Policies.Announce(cell.Name.Namespace);
    }

    /// <summary>The service at an address for clients in a namespace, and what else is known of the address.</summary>
    private ServiceCell? ServiceAt(NetworkAddress address, AddressCell? cell, string? client, out AddressEntry entry)
    {
        entry = cell?.Entry ?? AddressEntry.Unknown;
        if (entry.ServiceFor(client) is { } service)
            return service;
        bool taken = entry.Workload is not null || entry.Fixed is Route.Deny;
        return taken ? null : _blocks.Find(address, client);
    }

    private void Publish(ServiceCell cell)
    {
        cell.Publish();
        EntriesWritten++;
        foreach (IPAddress address in cell.Service?.VirtualIps ?? [])
            CellAt(NetworkAddress.From(address))?.FollowService();
        TellGatewaysOf(cell.Name);
        if (cell.Unused)
            _services.TryRemove(cell.Name, out _);
    }

    private void Readdress(Workload? old, Workload? @new)
    {
        foreach (IPAddress gone in (old?.Addresses ?? []).Except(@new?.Addresses ?? []))
            Change(gone, cell => cell.Claim(old, null));
        foreach (IPAddress held in @new?.Addresses ?? [])
            Change(held, cell => cell.Claim(old, @new));
    }

    private void Change(IPAddress address, Action<AddressCell> change)
    {
        AddressCell cell = CellOf(address);
        change(cell);
        EntriesWritten++;
        foreach (Endpoint endpoint in cell.Endpoints)
        {
            if (Resolve(endpoint, cell))
                Rearrange(endpoint.Service);
        }

        Forget(cell);
    }

    private AddressCell CellOf(IPAddress address) => _addresses.GetOrAdd(NetworkAddress.From(address), key => new AddressCell(key));

    private void Forget(AddressCell cell)
    {
        if (cell.Unused)
            _addresses.TryRemove(cell.Address, out _);
    }

    private void Tell(WorkloadChange change)
    {
        foreach (Action<WorkloadChange> observer in _observers)
            observer(change);
    }

    private sealed class Observation(MeshState state, Action<WorkloadChange> observer) : IDisposable
    {
        public void Dispose()
        {
            lock (state._writing)
                state._observers = state._observers.Remove(observer);
        }
    }
}

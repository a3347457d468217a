using System.Collections.Concurrent;

namespace Ztunnel.Mesh;

/// <content>Endpoints: the pods behind their addresses and the nodes they are on.</content>
public sealed partial class MeshState
{
    private readonly ConcurrentDictionary<string, NodeCell> _nodes = new(StringComparer.Ordinal);

    /// <summary>All nodes, in no order; as <see cref="Workloads"/>.</summary>
    public IEnumerable<Node> Nodes => _nodes.Select(entry => entry.Value.Node).OfType<Node>();

    /// <summary>How many nodes anything is known of.</summary>
    internal int NodeCount => _nodes.Count;

    /// <summary>Adds a node or replaces the one of its name. Nothing happens when it is equal to it.</summary>
    public void Put(Node node)
    {
        ArgumentNullException.ThrowIfNull(node);
        lock (_writing)
            Replace(_nodes.GetOrAdd(node.Name, name => new NodeCell(name)), node);
    }

    /// <summary>Removes a node, if it is there. What is on it stays.</summary>
    public void RemoveNode(string name)
    {
        lock (_writing)
        {
            if (_nodes.TryGetValue(name, out NodeCell? cell))
                Replace(cell, null);
        }
    }

    private Node? NodeOf(Workload workload) => _nodes.TryGetValue(workload.Node, out NodeCell? cell) ? cell.Node : null;

    private void Replace(NodeCell cell, Node? node)
    {
        Node? old = cell.Node;
        if (old == node)
            return;
        cell.Node = node;
        EntriesWritten++;
        // Whether it is ready is looked up with each choice; where it stands is what services are arranged by.
        if (!string.Equals(old?.Zone, node?.Zone, StringComparison.Ordinal) || !string.Equals(old?.Region, node?.Region, StringComparison.Ordinal))
        {
            foreach (Service service in cell.Endpoints.Select(endpoint => endpoint.Service).Where(service => service.MindsTopology).Distinct().ToArray())
                Rearrange(service);
        }

        Forget(cell);
    }

    /// <summary>
    /// Makes the endpoints of a set and lets them follow who holds their addresses; none while the service is not there. Those
    /// of <paramref name="former"/> of which it says the same stay, and so does what is known of them elsewhere.
    /// </summary>
    private Endpoint[] Attach(Service? service, EndpointSet set, Endpoint[] former)
    {
        if (service is null)
            return [];
        var endpoints = new List<Endpoint>();
        Dictionary<(ServicePort, EndpointAddress), Endpoint> kept = former
            .DistinctBy(endpoint => (endpoint.Port, endpoint.Given))
            .ToDictionary(endpoint => (endpoint.Port, endpoint.Given));
        foreach (EndpointPort port in set.Ports)
        {
            if (service.Ports.FirstOrDefault(candidate => string.Equals(candidate.Name, port.Name, StringComparison.Ordinal)) is not { } served)
                continue;
            foreach (EndpointAddress address in set.Addresses)
            {
                if (kept.Remove((served, address), out Endpoint? same) && same.Address.Port == port.Port)
                {
                    Follow(same, service);
                    endpoints.Add(same);
                    continue;
                }

                var endpoint = new Endpoint(service, served, address, port.Port);
                AddressCell cell = CellOf(address.Address);
                cell.Add(endpoint);
                _ = Resolve(endpoint, cell);
                endpoints.Add(endpoint);
            }
        }

        return [.. endpoints];
    }

    /// <summary>Lets the endpoints of a service follow its change from <paramref name="old"/>. Returns those it has no more.</summary>
    private List<Endpoint> Reattach(ServiceCell cell, Service? old)
    {
        if (cell.Service is { } service && old is not null && old.Ports.AsSpan().SequenceEqual(service.Ports.AsSpan()))
        {
            foreach (Endpoint endpoint in cell.Sets.Values.SelectMany(held => held.Endpoints))
                Follow(endpoint, service);
            return [];
        }

        var left = new List<Endpoint>();
        foreach (string name in cell.Sets.Keys.ToArray())
        {
            (EndpointSet set, Endpoint[] former) = cell.Sets[name];
            Endpoint[] endpoints = Attach(cell.Service, set, former);
            cell.Sets[name] = (set, endpoints);
            left.AddRange(former.Except(endpoints));
        }

        return left;
    }

    /// <summary>Lets an endpoint that stays follow a change of its service.</summary>
    private void Follow(Endpoint endpoint, Service service)
    {
        if (ReferenceEquals(endpoint.Service, service))
            return;
        endpoint.Service = service;
        AddressCell cell = CellOf(endpoint.Address.Address);
        cell.Guard();
        _ = Resolve(endpoint, cell);
    }

    /// <summary>
    /// Tells that connections have to come through a waypoint now that went directly to what has become an endpoint of a service
    /// bound to it.
    /// </summary>
    private void AnnounceGuarded(ServiceCell cell, Endpoint[] former, Endpoint[] endpoints)
    {
        if (cell.Service is not { Entry: null, Waypoint: WaypointRequest.Named })
            return;
        Endpoint[] joined = [.. endpoints.Except(former, Endpoint.SamePlace)];
        // Where no pod is named whoever is at the address is concerned, of whichever namespace.
        if (joined.Length > 0)
            Policies.Announce(Array.Exists(joined, endpoint => endpoint.Pod is null) ? null : cell.Name.Namespace);
    }

    private void Detach(IEnumerable<Endpoint> endpoints)
    {
        foreach (Endpoint endpoint in endpoints)
        {
            AddressCell cell = CellOf(endpoint.Address.Address);
            cell.Remove(endpoint);
            Forget(cell);
            Place(endpoint, null);
        }
    }

    /// <summary>Lets an endpoint follow who holds its address. Returns whether its service has to be arranged anew for it.</summary>
    private bool Resolve(Endpoint endpoint, AddressCell cell)
    {
        string? node = endpoint.Resolve(cell);
        EntriesWritten++;
        return Place(endpoint, node) && endpoint.Service.MindsTopology;
    }

    /// <summary>Puts an endpoint on a node, or on none. Returns whether it was on another.</summary>
    private bool Place(Endpoint endpoint, string? node)
    {
        NodeCell? old = endpoint.NodeCell;
        if (string.Equals(old?.Name, node, StringComparison.Ordinal))
            return false;
        NodeCell? cell = node is null ? null : _nodes.GetOrAdd(node, name => new NodeCell(name));
        cell?.Endpoints.Add(endpoint);
        endpoint.NodeCell = cell;
        if (old is not null)
        {
            old.Endpoints.Remove(endpoint);
            Forget(old);
        }

        return true;
    }

    private void Rearrange(Service service) => Publish(_services[service.Name]);

    private void Forget(NodeCell cell)
    {
        if (cell.Unused)
            _nodes.TryRemove(cell.Name, out _);
    }
}

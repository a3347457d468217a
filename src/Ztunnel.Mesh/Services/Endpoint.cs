using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// One address and port at which one port of a service is served. The object lives as long as what its slice and its service
/// say of it stays the same; what else is known of the service, and of the pod behind it, is swapped inside.
/// </summary>
public sealed class Endpoint
{
    private volatile Route? _route;
    private volatile NodeCell? _node;
    private volatile Service _service;

    internal Endpoint(Service service, ServicePort port, EndpointAddress address, ushort number)
    {
        _service = service;
        Port = port;
        Given = address;
        Address = new IPEndPoint(address.Address, number);
        Hash = NetworkAddress.From(address.Address).Hash ^ number;
    }

    /// <summary>Tells endpoints by where they are: address, port and pod.</summary>
    internal static IEqualityComparer<Endpoint> SamePlace { get; } = EqualityComparer<Endpoint>.Create(
        (a, b) => a is not null && b is not null && a.Address.Equals(b.Address) && string.Equals(a.Pod, b.Pod, StringComparison.Ordinal),
        endpoint => endpoint.Hash.GetHashCode());

    /// <summary>The service it belongs to, in its newest form.</summary>
    public Service Service
    {
        get => _service;
        internal set => _service = value;
    }

    /// <summary>The port of the service it serves.</summary>
    public ServicePort Port { get; }

    /// <summary>Where it is.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Whether its slice says it may be given new connections.</summary>
    public bool Ready => Given.Ready;

    /// <summary>Whether its slice says that it is being ended and still serves.</summary>
    public bool Terminating => Given.Terminating;

    /// <summary>The node it is on, or null where nothing says so.</summary>
    public string? Node => _node?.Name;

    /// <summary>The zone it is in, or null where nothing says so.</summary>
    public string? Zone => Given.Zone ?? _node?.Node?.Zone;

    /// <summary>The region it is in, or null where nothing says so.</summary>
    public string? Region => Given.Region ?? _node?.Node?.Region;

    /// <summary>Whether it is on a node that is not ready, so that nobody may have noticed yet that it is gone.</summary>
    public bool OnFailingNode => _node is { Failing: true };

    /// <summary>The pod its slice names, in the service's namespace, or null.</summary>
    public string? Pod => Given.Pod;

    /// <summary>A number for its address and port, evenly spread and the same on every node and in every run.</summary>
    public ulong Hash { get; }

    /// <summary>What its set says of it.</summary>
    internal EndpointAddress Given { get; }

    /// <summary>How to reach it; null while the pod its slice names is not known or does not hold the address.</summary>
    public Route? Route => _route;

    /// <summary>The node it is on, with what else is there.</summary>
    internal NodeCell? NodeCell
    {
        get => _node;
        set => _node = value;
    }

    /// <summary>Takes into account who holds the address now, and returns the node that it is on by that, or null.</summary>
    internal string? Resolve(AddressCell cell)
    {
        Workload? workload = Pod is null ? cell.Owner : cell.HolderNamed(Service.Name.Namespace, Pod);
        if (workload is null && (Pod is not null || cell.Contested))
            _route = null;
        else if (workload is { Ambient: true })
            _route = WorkloadRoutes.Tunnel(workload, Address, this);
        else
            _route = new Route.Passthrough(Address, workload, Service) { Endpoint = this };
        return Given.Node ?? (workload is { Node.Length: > 0 } ? workload.Node : null);
    }
}

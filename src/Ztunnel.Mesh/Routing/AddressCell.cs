namespace Ztunnel.Mesh;

/// <summary>
/// Everything that hangs on one IP address: the service whose virtual IP it is, the workloads that claim it, the endpoints
/// that are there. Readers take <see cref="Service"/> and <see cref="Entry"/>; all else is the writer's.
/// </summary>
internal sealed class AddressCell(NetworkAddress address)
{
    private volatile AddressEntry _entry = AddressEntry.Unknown;
    private volatile ServiceTable? _service;
    private Workload[] _claimants = [];
    private ServiceCell[] _services = [];
    private List<Endpoint>? _endpoints;

    public NetworkAddress Address { get; } = address;

    public AddressEntry Entry => _entry;

    /// <summary>
    /// The Kubernetes Service whose virtual IP the address is, with its endpoints. <see cref="Entry"/> leads there too, but each
    /// step on the way to a service that nobody has asked for lately is a wait for memory.
    /// </summary>
    public ServiceTable? Service => _service;

    /// <summary>The one workload the address is known to belong to, if there is one.</summary>
    public Workload? Owner { get; private set; }

    /// <summary>Whether several workloads claim the address and none can be told to be the later.</summary>
    public bool Contested { get; private set; }

    public bool Unused => _claimants.Length == 0 && _services.Length == 0 && _endpoints is null;

    public IReadOnlyList<Endpoint> Endpoints => _endpoints ?? (IReadOnlyList<Endpoint>)[];

    /// <summary>
    /// The workload of that name, if the address is its: as the one it belongs to, or on a host network, where several share it.
    /// A pod that still says it has the address though it is a later one's by now does not hold it.
    /// </summary>
    public Workload? HolderNamed(string @namespace, string name)
    {
        Workload? named = Latest(
            claimant => string.Equals(claimant.Name, name, StringComparison.Ordinal)
                && string.Equals(claimant.Namespace, @namespace, StringComparison.Ordinal),
            out _);
        return named is { HostNetwork: false } && named != Owner ? null : named;
    }

    public void Claim(Workload? old, Workload? @new)
    {
        _claimants = ServiceClaims.Replace(_claimants, old, @new);
        Owner = Latest(claimant => !claimant.HostNetwork, out bool contested);
        Contested = contested;
        Publish();
    }

    public void Claim(ServiceCell? old, ServiceCell? @new)
    {
        _services = ServiceClaims.Replace(_services, old, @new);
        Publish();
    }

    /// <summary>Takes what the Service whose virtual IP this is has become.</summary>
    public void FollowService() => _service = Holder()?.Table;

    public void Add(Endpoint endpoint)
    {
        (_endpoints ??= []).Add(endpoint);
        Guard();
    }

    public void Remove(Endpoint endpoint)
    {
        _endpoints?.Remove(endpoint);
        if (_endpoints is { Count: 0 })
            _endpoints = null;
        Guard();
    }

    /// <summary>
    /// Brings up to date which of the endpoints are those of services that ask for a waypoint. Not a ServiceEntry's, which anybody may
    /// write about anybody's pods.
    /// </summary>
    public void Guard()
    {
        Endpoint[] guarded = [.. Endpoints.Where(endpoint => endpoint.Service is { Entry: null, Waypoint: WaypointRequest.Named })];
        if (!guarded.AsSpan().SequenceEqual(_entry.Guarded))
            _entry = _entry with { Guarded = guarded };
    }

    private void Publish()
    {
        _entry = Describe() with { Guarded = _entry.Guarded };
        FollowService();
    }

    private ServiceCell? Holder() => _services.Where(service => !service.Name.IsHost).MinBy(service => service.Name, ServiceName.Order);

    private AddressEntry Describe()
    {
        if (Holder() is { } service)
            return new AddressEntry(service, null, null, null);
        if (Owner is { Ambient: true } inMesh)
            return new AddressEntry(null, inMesh, null, new WorkloadRoutes(inMesh, Address.ToIPAddress()));
        if (Owner is { } plain)
            return new AddressEntry(null, plain, new Route.Passthrough(null, plain, null), null);
        if (Contested)
            return new AddressEntry(null, null, Conflict(), null);
        // A ServiceEntry may name any address, and so takes none from a pod or a Service.
        return _services.Length > 0
            ? new AddressEntry(ServiceClaims.Choose(_services, null) ?? _services[0], null, Route.Passthrough.Unchanged, null) { Claimants = _services }
            : AddressEntry.Unknown;
    }

    private Route.Deny Conflict()
    {
        IEnumerable<string> names = _claimants.Where(claimant => !claimant.HostNetwork).Select(claimant => claimant.ToString()).Order(StringComparer.Ordinal);
        return new Route.Deny(DenyReason.AddressConflict, $"{Address} is claimed by pods {string.Join(" and ", names)}");
    }

    private Workload? Latest(Func<Workload, bool> eligible, out bool contested)
    {
        Workload? latest = null;
        contested = false;
        foreach (Workload claimant in _claimants)
        {
            if (!eligible(claimant))
                continue;
            int order = latest is null ? 1 : Nullable.Compare(claimant.Created, latest.Created);
            if (order > 0)
            {
                latest = claimant;
                contested = false;
            }
            else if (order == 0)
            {
                contested = true;
            }
        }

        return contested ? null : latest;
    }
}

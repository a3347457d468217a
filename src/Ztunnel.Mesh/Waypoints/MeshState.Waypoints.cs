using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <content>Waypoints: which Gateways there are, and who is bound to them.</content>
public sealed partial class MeshState
{
    private readonly GatewayTable _gateways = new();
    private readonly WaypointRedirect _redirect;
    private readonly WaypointGuard _guard;
    private readonly Func<GatewayName, Gateway?> _findGateway;

    /// <summary>A mesh of which nothing is known yet.</summary>
    public MeshState(MeshOptions? options = null)
    {
        options ??= new MeshOptions();
        _findGateway = _gateways.Find;
        Policies = new PolicyTable(_workloads.ContainsKey);
        _redirect = new WaypointRedirect(_gateways, options, name => _services.GetValueOrDefault(name)?.Table, EntryOf, RouteTo);
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
    /// The policies that hold for requests through a gateway pod. Takes no lock and allocates nothing unless policies have changed
    /// since the same was asked for.
    /// </summary>
    public HttpPolicies PoliciesFor(HttpPolicyScope scope) => Policies.For(scope, _findGateway);

    /// <summary>Where a policy that is attached to something is enforced as things are; empty for one about workloads.</summary>
    public IReadOnlyList<PolicyPlacement> PlacementsOf(IPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return [.. policy.Attachments.Select(PlacementOf)];
    }

    /// <summary>
    /// What to tell of a policy that names targets that do not exist, as a sentence without its subject; null when all are there.
    /// </summary>
    public string? MissingTargetsOf(IPolicy policy)
    {
        IReadOnlyList<PolicyPlacement> placements = PlacementsOf(policy);
        PolicyPlacement[] missing = [.. placements.Where(placement => placement.Fault == PolicyPlacement.TargetNotFound)];
        if (missing.Length == 0)
            return null;
        string names = string.Join(" and ", missing.Select(placement => placement.Attachment));
        string consequence = placements.Any(placement => placement.Fault is null) ? "not enforced there" : "enforced nowhere";
        return $"names {names}, which {(missing.Length == 1 ? "does" : "do")} not exist: {consequence}";
    }

    private PolicyPlacement PlacementOf(PolicyAttachment attachment)
    {
        switch (attachment.Kind)
        {
            case PolicyAttachmentKind.Gateway:
                var name = new GatewayName(attachment.Namespace, attachment.Name);
                return _gateways.Find(name) is not null ? new(attachment, name, null) : new(attachment, null, PolicyPlacement.TargetNotFound);
            case PolicyAttachmentKind.GatewayClass:
                return new PolicyPlacement(attachment, null, null);
            default:
                ImmutableArray<Service> services = attachment.Kind == PolicyAttachmentKind.ServiceEntry
                    ? ServicesOfEntry(attachment.Namespace, attachment.Name)
                    : ServiceByName(new ServiceName(attachment.Namespace, attachment.Name)) is { } service ? [service] : [];
                if (services.IsEmpty)
                    return new PolicyPlacement(attachment, null, PolicyPlacement.TargetNotFound);
                return services.Select(WaypointOf).FirstOrDefault(binding => binding is { Bound: true }) is { } binding
                    ? new PolicyPlacement(attachment, binding.Waypoint, null)
                    : new PolicyPlacement(attachment, null, $"AncestorNotBound, {attachment} is not bound to a waypoint");
        }
    }

    /// <summary>Whether an identity is that of an instance of an ingress gateway of the mesh.</summary>
    public bool IsIngress(SpiffeId identity) => _gateways.IsIngress(identity);

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
            Policies.Announce(null);
        }
    }

    /// <summary>Removes a Gateway, if it is there. What is bound to it stays bound, and is refused.</summary>
    public void RemoveGateway(GatewayName name)
    {
        lock (_writing)
        {
            _gateways.Remove(name);
            EntriesWritten++;
            Policies.Announce(null);
        }
    }

    /// <summary>Takes the labels of a namespace, which decide whether waypoints that select namespaces let it in.</summary>
    public void PutNamespace(string name, StringMap labels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        lock (_writing)
            _gateways.PutNamespace(name, labels);
    }

    /// <summary>The labels of a namespace, by which the pods in it were judged; null while they are not known.</summary>
    public StringMap? LabelsOfNamespace(string name) => _gateways.KnownLabelsOf(name);

    /// <summary>Forgets the labels of a namespace.</summary>
    public void RemoveNamespace(string name)
    {
        lock (_writing)
            _gateways.RemoveNamespace(name);
    }

    private Route RouteTo(ServiceTable table, Workload source, IPEndPoint destination, IEndpointPicker picker) =>
        table.RouteTo(source, table.MindsTopology ? NodeOf(source) : null, destination, picker);

    private AddressCell? CellAt(NetworkAddress address) => _addresses.TryGetValue(address, out AddressCell? cell) ? cell : null;

    private AddressEntry? EntryOf(NetworkAddress address) => CellAt(address)?.Entry;
}

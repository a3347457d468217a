using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>The endpoints of one port and address family that may be given new connections, arranged by where they are. Immutable.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct EndpointGroups
{
    private static readonly Dictionary<string, Endpoint[]> NoGroups = [];

    private readonly bool _localOnly;
    private readonly bool _clientAffinity;
    private readonly Endpoint[] _all;
    private readonly Dictionary<string, Endpoint[]> _byNode = NoGroups;
    private readonly Dictionary<string, Endpoint[]> _byZone = NoGroups;
    private readonly Dictionary<string, Endpoint[]> _byRegion = NoGroups;

    public EndpointGroups(Service service, Endpoint[] endpoints)
    {
        _localOnly = service.LocalOnly;
        _clientAffinity = service.ClientAffinity;
        _all = Eligible(service, endpoints);
        if (service.LocalOnly)
        {
            _byNode = Group(endpoints, endpoint => endpoint.Node, local => Eligible(service, local));
            return;
        }

        if (service.Distribution == TrafficDistribution.PreferSameNode)
            _byNode = Group(_all, endpoint => endpoint.Node);
        if (service.Distribution != TrafficDistribution.Any)
        {
            _byZone = Group(_all, endpoint => endpoint.Zone);
            _byRegion = Group(_all, endpoint => endpoint.Region);
        }
    }

    /// <summary>
    /// The route to the endpoint for a client there, nearest first where the service wishes so; null when none will do. What is
    /// better passed over is only used when there is nothing else, however near it is.
    /// </summary>
    public Route? Pick(Workload client, Node? at, IEndpointPicker picker)
    {
        ulong? affinity = _clientAffinity && client.Addresses is [var address, ..] ? NetworkAddress.From(address).Hash : null;
        if (_localOnly)
        {
            Endpoint[]? local = Find(_byNode, client.Node);
            return Pick(local, affinity, picker) ?? Pick(local, affinity, picker, lastResort: true);
        }

        return Pick(Find(_byNode, client.Node), affinity, picker)
            ?? Pick(Find(_byZone, at?.Zone), affinity, picker)
            ?? Pick(Find(_byRegion, at?.Region), affinity, picker)
            ?? Pick(_all, affinity, picker)
            ?? Pick(_all, affinity, picker, lastResort: true);
    }

    private static Route? Pick(Endpoint[]? candidates, ulong? affinity, IEndpointPicker picker, bool lastResort = false) =>
        candidates is null ? null : picker.Pick(new EndpointChoice { Candidates = candidates, Affinity = affinity, LastResort = lastResort });

    private static Endpoint[]? Find(Dictionary<string, Endpoint[]> groups, string? name) =>
        string.IsNullOrEmpty(name) ? null : groups.GetValueOrDefault(name);

    /// <summary>The ready ones; without any, those that are being ended and still serve, as kube-proxy does (KEP-1669).</summary>
    private static Endpoint[] Eligible(Service service, Endpoint[] endpoints)
    {
        Endpoint[] ready = [.. endpoints.Where(endpoint => endpoint.Ready || service.PublishNotReadyAddresses)];
        return ready.Length > 0 ? ready : [.. endpoints.Where(endpoint => endpoint.Terminating)];
    }

    private static Dictionary<string, Endpoint[]> Group(
        Endpoint[] endpoints, Func<Endpoint, string?> name, Func<Endpoint[], Endpoint[]>? narrow = null)
    {
        var groups = new Dictionary<string, List<Endpoint>>(StringComparer.Ordinal);
        foreach (Endpoint endpoint in endpoints)
        {
            // The name may change meanwhile, so it is asked for once.
            if (name(endpoint) is not { } place)
                continue;
            if (!groups.TryGetValue(place, out List<Endpoint>? group))
                groups.Add(place, group = []);
            group.Add(endpoint);
        }

        return groups.ToDictionary(group => group.Key, group => narrow is null ? [.. group.Value] : narrow([.. group.Value]), StringComparer.Ordinal);
    }
}

using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// The Gateways there are, the labels of namespaces, which by some waypoints are let in, and which identities are Gateways'
/// instances. A change costs the same however much is bound to a waypoint: who is bound asks here when it needs to know.
/// Readers take no locks; writing is for one thread at a time.
/// </summary>
internal sealed class GatewayTable
{
    private readonly ConcurrentDictionary<GatewayName, Gateway> _gateways = new();
    private readonly ConcurrentDictionary<string, StringMap> _namespaces = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<SpiffeId, ImmutableArray<Share>> _instances = new();

    // Waypoints by the service account they are for, those of one account by name: the first has it.
    private readonly ConcurrentDictionary<(string Namespace, string Account), ImmutableArray<WaypointRequest.Named>> _byAccount = new();
    private volatile bool _anyByAccount;

    /// <summary>Whether any waypoint is for a service account.</summary>
    public bool AnyByAccount => _anyByAccount;

    public Gateway? Find(GatewayName name) => _gateways.GetValueOrDefault(name);

    /// <summary>The labels of a namespace; none for one that is not known.</summary>
    public StringMap LabelsOf(string @namespace) => KnownLabelsOf(@namespace) ?? StringMap.Empty;

    /// <summary>How the request of somebody in the namespace <paramref name="consumer"/> stands.</summary>
    public WaypointReason Judge(WaypointRequest.Named request, WaypointTraffic wanted, string consumer) =>
        WaypointRule.Judge(wanted, Find(request.Gateway), consumer, LabelsOf(consumer));

    /// <summary>The waypoint a workload asks for: by its own label, by its service account, or by its namespace's label.</summary>
    public WaypointRequest.Named? RequestOf(Workload workload) =>
        AccountRequestOf(workload) ?? (IsWaypointInstance(workload) ? null : workload.Waypoint as WaypointRequest.Named);

    /// <summary>The waypoint that is for a workload's service account, if there is one and the workload's labels do not say otherwise.</summary>
    public WaypointRequest.Named? AccountRequestOf(Workload workload)
    {
        bool mayHave = _anyByAccount && workload.Waypoint is null or WaypointRequest.Named { Origin: WaypointOrigin.Namespace };
        return mayHave && ByAccount(workload.Namespace, workload.ServiceAccount) is [var first, ..] && !IsWaypointInstance(workload) ? first : null;
    }

    /// <summary>Whether a workload is an instance of an ingress gateway.</summary>
    public bool IsIngress(Workload workload) => workload.Gateway is { } gateway && Find(gateway) is { Ingress: true };

    /// <summary>Whether an identity is that of an instance of <paramref name="gateway"/>.</summary>
    public bool IsInstance(SpiffeId identity, GatewayName gateway)
    {
        foreach (Share share in SharesOf(identity))
        {
            if (share.Gateway == gateway)
                return true;
        }

        return false;
    }

    /// <summary>Whether an identity is that of an instance of an ingress gateway.</summary>
    public bool IsIngress(SpiffeId identity)
    {
        foreach (Share share in SharesOf(identity))
        {
            if (Find(share.Gateway) is { Ingress: true })
                return true;
        }

        return false;
    }

    public void Put(Gateway gateway)
    {
        Forget(_gateways.GetValueOrDefault(gateway.Name));
        _gateways[gateway.Name] = gateway;
        if (gateway.Waypoint?.ServiceAccount is not { } account)
            return;
        var request = new WaypointRequest.Named(gateway.Name, WaypointOrigin.ServiceAccount);
        _byAccount[(gateway.Name.Namespace, account)] =
            [.. ByAccount(gateway.Name.Namespace, account).Append(request).OrderBy(waypoint => waypoint.Gateway, GatewayName.Order)];
        _anyByAccount = true;
    }

    public void Remove(GatewayName name)
    {
        if (_gateways.TryRemove(name, out Gateway? old))
            Forget(old);
    }

    /// <summary>The labels of a namespace; null while it is not known.</summary>
    public StringMap? KnownLabelsOf(string @namespace) => _namespaces.GetValueOrDefault(@namespace);

    public void PutNamespace(string name, StringMap labels) => _namespaces[name] = labels;

    public void RemoveNamespace(string name) => _namespaces.TryRemove(name, out _);

    /// <summary>Takes note of a workload that came, changed or went.</summary>
    public void Follow(Workload? old, Workload? @new)
    {
        if (old?.Gateway == @new?.Gateway && old?.Identity == @new?.Identity)
            return;
        if (@new?.Gateway is { } joined)
            Count(@new.Identity, joined, +1);
        if (old?.Gateway is { } left)
            Count(old.Identity, left, -1);
    }

    private ImmutableArray<WaypointRequest.Named> ByAccount(string @namespace, string account) =>
        _byAccount.TryGetValue((@namespace, account), out ImmutableArray<WaypointRequest.Named> waypoints) ? waypoints : [];

    private ImmutableArray<Share> SharesOf(SpiffeId identity) => _instances.TryGetValue(identity, out ImmutableArray<Share> shares) ? shares : [];

    private bool IsWaypointInstance(Workload workload) => workload.Gateway is { } gateway && Find(gateway) is { Waypoint: not null };

    private void Forget(Gateway? gateway)
    {
        if (gateway?.Waypoint?.ServiceAccount is not { } account)
            return;
        (string Namespace, string Account) key = (gateway.Name.Namespace, account);
        ImmutableArray<WaypointRequest.Named> rest = ByAccount(key.Namespace, key.Account).RemoveAll(waypoint => waypoint.Gateway == gateway.Name);
        if (rest.IsEmpty)
            _byAccount.TryRemove(key, out _);
        else
            _byAccount[key] = rest;
        _anyByAccount = !_byAccount.IsEmpty;
    }

    private void Count(SpiffeId identity, GatewayName gateway, int change)
    {
        ImmutableArray<Share> shares = SharesOf(identity);
        int pods = change + shares.FirstOrDefault(share => share.Gateway == gateway)?.Pods ?? change;
        shares = shares.RemoveAll(share => share.Gateway == gateway);
        if (pods > 0)
            shares = shares.Add(new Share(gateway, pods));
        if (shares.IsEmpty)
            _instances.TryRemove(identity, out _);
        else
            _instances[identity] = shares;
    }

    /// <summary>How many instances of a Gateway have an identity.</summary>
    private sealed record Share(GatewayName Gateway, int Pods);
}

using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Keeps the model's hosts and their endpoints true to the ServiceEntries, and to the pods and WorkloadEntries they select. A host
/// is one entry's of a namespace: a Service's of that name first, else the oldest entry's (istio/istio, the ambient controller's
/// services).
/// </summary>
internal sealed class EntryTranslation(
    MeshState mesh,
    TranslatorOptions options,
    NamespaceLabels namespaces,
    ServiceTranslation services,
    Func<string, IEnumerable<PodObject>> podsIn,
    ResourceInventory inventory,
    NameResolution? names)
{
    private readonly Dictionary<ObjectKey, ServiceEntryObject> _entries = [];
    private readonly ReverseIndex<ServiceName, ObjectKey> _claims = new();
    private readonly ReverseIndex<string, ObjectKey> _byNamespace = new();
    private readonly ReverseIndex<string, ObjectKey> _selectingIn = new();
    private readonly Dictionary<ObjectKey, WorkloadEntryObject> _workloads = [];
    private readonly ReverseIndex<string, ObjectKey> _workloadsIn = new();
    private readonly Dictionary<ServiceName, HashSet<string>> _sets = [];
    private readonly VirtualAddresses _addresses = new();

    /// <summary>The entry of a name; null where there is none.</summary>
    public ServiceEntryObject? Find(ObjectKey entry) => _entries.GetValueOrDefault(entry);

    public void Put(ServiceEntryObject entry)
    {
        IEnumerable<ServiceName> former = Leave(entry.Key);
        _entries[entry.Key] = entry;
        _byNamespace.Add(entry.Key, [entry.Metadata.Namespace]);
        if (entry.Selector is not null)
            _selectingIn.Add(entry.Key, [entry.Metadata.Namespace]);
        _claims.Add(entry.Key, HostsOf(entry));
        SettleAll(former.Concat(HostsOf(entry)));
    }

    public void Remove(ObjectKey entry) => SettleAll(Leave(entry));

    /// <summary>Lets the entries of a namespace follow its labels and what it says of distribution.</summary>
    public void FollowNamespace(string @namespace) => SettleAll(_byNamespace.Of(@namespace).SelectMany(entry => HostsOf(_entries[entry])));

    /// <summary>Takes note of a Service that came, changed or went, which may have the name of a host.</summary>
    public void FollowService(ServiceName service)
    {
        var host = new ServiceName(service.Namespace, HostnameOf(service), IsHost: true);
        if (_claims.Of(host).Any())
            SettleAll([host]);
    }

    /// <summary>Takes a pod that is new or has changed.</summary>
    public void PutPod(PodObject pod)
    {
        foreach ((ServiceEntryObject entry, ServiceName host) in Selecting(pod.Metadata.Namespace))
            Set(host, ObjectTranslation.DerivedSetName(pod.Metadata.Name), EntryServices.PodEndpoint(entry, host.Name, pod));
    }

    public void RemovePod(ObjectKey pod)
    {
        foreach ((_, ServiceName host) in Selecting(pod.Namespace))
            Set(host, ObjectTranslation.DerivedSetName(pod.Name), null);
    }

    public void Put(WorkloadEntryObject workload)
    {
        if (!_workloads.ContainsKey(workload.Key))
            _workloadsIn.Add(workload.Key, [workload.Metadata.Namespace]);
        _workloads[workload.Key] = workload;
        inventory.SetStatus(workload.Key, StatusOf(workload, workload.NotEnforced, null, []));
        SettleAll(Selecting(workload.Metadata.Namespace).Select(selecting => selecting.Host).ToArray());
    }

    public void RemoveWorkload(ObjectKey workload)
    {
        if (!_workloads.Remove(workload))
            return;
        _workloadsIn.Remove(workload, [workload.Namespace]);
        SettleAll(Selecting(workload.Namespace).Select(selecting => selecting.Host).ToArray());
    }

    private static IEnumerable<ServiceName> HostsOf(ServiceEntryObject entry) => entry.Hosts.Select(host => EntryServices.NameOf(entry, host));

    private string HostnameOf(ServiceName service) => $"{service.Name}.{service.Namespace}.svc.{options.ClusterDomain}";

    private ServiceName[] Leave(ObjectKey key)
    {
        if (!_entries.Remove(key, out ServiceEntryObject? old))
            return [];
        _byNamespace.Remove(key, [key.Namespace]);
        _selectingIn.Remove(key, [key.Namespace]);
        _claims.Remove(key, HostsOf(old));
        foreach (string host in old.Hosts)
            inventory.SetProblem(key, HostField(host), null);
        return [.. HostsOf(old)];
    }

    /// <summary>The entries of a namespace that select workloads, with the hosts they have.</summary>
    private IEnumerable<(ServiceEntryObject Entry, ServiceName Host)> Selecting(string @namespace) =>
        from key in _selectingIn.Of(@namespace)
        let entry = _entries[key]
        from host in HostsOf(entry)
        where HolderOf(host) == entry
        select (entry, host);

    private ServiceEntryObject? HolderOf(ServiceName host)
    {
        if (ServiceHostname.Find(host.Name, host.Namespace, options.ClusterDomain) is { } service
            && string.Equals(host.Name, HostnameOf(service), StringComparison.OrdinalIgnoreCase)
            && services.Find(service) is not null)
        {
            return null;
        }

        return _claims.Of(host).Select(key => _entries[key])
            .MinBy(entry => (entry.Metadata.Created, entry.Metadata.Namespace, entry.Metadata.Name), Comparer<(DateTimeOffset?, string, string)>.Create(RouteAge.Compare));
    }

    private void SettleAll(IEnumerable<ServiceName> hosts)
    {
        ServiceName[] all = [.. hosts.Distinct()];
        foreach (ServiceName host in all)
        {
            foreach (ServiceName moved in Settle(host))
                _ = Settle(moved);
        }

        foreach (ObjectKey claimant in all.SelectMany(_claims.Of).Distinct())
            Publish(_entries[claimant]);
    }

    /// <summary>Brings a host up to date. Returns those that have other addresses by it.</summary>
    private IReadOnlyCollection<ServiceName> Settle(ServiceName host)
    {
        ServiceEntryObject? holder = HolderOf(host);
        foreach (ServiceEntryObject claimant in _claims.Of(host).Select(key => _entries[key]))
        {
            string other = holder is null ? $"Service {ServiceHostname.Find(host.Name, host.Namespace, options.ClusterDomain)}" : $"{holder.Key}";
            inventory.SetProblem(claimant.Key, HostField(host.Name), claimant == holder ? null : $"is a host of {other} too, which has it");
        }

        if (holder is null)
        {
            mesh.RemoveService(host);
            names?.Want(host, new ObjectKey(ObjectKind.ServiceEntry, host.Namespace, ""), []);
            SettleEndpoints(host, []);
            return _addresses.Remove(host);
        }

        IReadOnlyCollection<ServiceName> moved = EntryServices.WantsAddresses(holder, host.Name) ? _addresses.Add(host) : _addresses.Remove(host);
        mesh.Put(EntryServices.Service(
            holder, host.Name, _addresses.Of(host), namespaces.Of(host.Namespace), services.DistributionOf(host.Namespace)));
        WorkloadEntryObject[] workloads = [.. _workloadsIn.Of(host.Namespace).Select(key => _workloads[key])];
        SettleEndpoints(
            host,
            [
                .. EntryServices.Endpoints(holder, host.Name),
                .. holder.Selector is null ? [] : podsIn(host.Namespace).Select(pod => EntryServices.PodEndpoint(holder, host.Name, pod)).OfType<EndpointSet>(),
                .. workloads.Select(workload => EntryServices.WorkloadEndpoint(holder, host.Name, workload)).OfType<EndpointSet>(),
            ]);
        names?.Want(
            host,
            holder.Key,
            [.. EntryServices.Named(holder, host.Name), .. workloads.Select(workload => EntryServices.WorkloadName(holder, workload)).OfType<NamedEndpoint>()]);
        return moved;
    }

    private void SettleEndpoints(ServiceName host, EndpointSet[] sets)
    {
        foreach (string gone in (_sets.GetValueOrDefault(host) ?? []).Except(sets.Select(set => set.Name), StringComparer.Ordinal).ToArray())
            Set(host, gone, null);
        foreach (EndpointSet set in sets)
            Set(host, set.Name, set);
    }

    private void Set(ServiceName host, string name, EndpointSet? set)
    {
        if (set is not null)
        {
            if (!_sets.TryGetValue(host, out HashSet<string>? held))
                _sets.Add(host, held = new HashSet<string>(StringComparer.Ordinal));
            held.Add(name);
            mesh.Put(set);
        }
        else if (_sets.TryGetValue(host, out HashSet<string>? held) && held.Remove(name))
        {
            mesh.RemoveEndpoints(host, name);
            if (held.Count == 0)
                _sets.Remove(host);
        }
    }

    private static string HostField(string host) => $"spec.hosts[{host}]";

    /// <summary>Says how an entry stands.</summary>
    private void Publish(ServiceEntryObject entry)
    {
        string[] lost = [.. HostsOf(entry).Where(host => HolderOf(host) != entry).Select(host => host.Name)];
        string? conflict = lost.Length == 0 ? null : $"not its own: {string.Join(", ", lost)}";
        ValueArray<AssignedAddress> assigned = [.. HostsOf(entry).SelectMany(host => _addresses.Of(host).Select(address => new AssignedAddress(host.Name, address)))];
        inventory.SetStatus(entry.Key, StatusOf(entry, entry.NotEnforced, conflict, assigned.Count > 0 ? assigned : entry.Assigned));
    }

    private static GatewayApiStatus StatusOf(KubernetesObject @object, ValueArray<string> notEnforced, string? conflict, ValueArray<AssignedAddress> assigned)
    {
        var conditions = new List<StatusCondition>
        {
            conflict is null
                ? new StatusCondition("Accepted", true, "Accepted", "Object was valid")
                : new StatusCondition("Accepted", false, "HostConflict", conflict),
        };
        if (notEnforced.Count > 0)
            conditions.Add(StatusCondition.NotEnforced(notEnforced));
        return GatewayApiStatus.Of(@object) with { Conditions = [.. conditions], AssignedAddresses = assigned };
    }
}

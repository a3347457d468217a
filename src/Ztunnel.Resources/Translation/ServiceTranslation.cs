using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Keeps the model's services and their endpoints true to the Services and EndpointSlices, and where a service has a selector
/// and no slice, to the pods it selects. Each derived endpoint set is one pod's, so that a pod's change touches nothing of
/// its siblings.
/// </summary>
internal sealed class ServiceTranslation(
    MeshState mesh, TranslatorOptions options, NamespaceLabels namespaces, Func<string, IEnumerable<PodObject>> podsIn)
{
    private readonly Dictionary<ServiceName, ServiceObject> _services = [];
    private readonly Dictionary<ObjectKey, EndpointSliceObject> _slices = [];
    private readonly Dictionary<ServiceName, int> _sliceCounts = [];
    private readonly Dictionary<ServiceName, HashSet<string>> _derived = [];
    private readonly Dictionary<ObjectKey, ImmutableArray<ServiceName>> _servicesOfPods = [];

    private readonly Dictionary<string, HashSet<ServiceName>> _byNamespace = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TrafficDistribution> _distributions = new(StringComparer.Ordinal);

    // Services by one entry of their selector, which a pod must carry to be selected.
    private readonly Dictionary<(string Namespace, string Key, string Value), HashSet<ServiceName>> _bySelector = [];

    /// <summary>Takes what a namespace's annotation says of its services; null when it says nothing, or is gone.</summary>
    public void PutNamespace(string name, TrafficDistribution? distribution)
    {
        if (DistributionOf(name) == distribution)
            return;
        if (distribution is { } given)
            _distributions[name] = given;
        else
            _distributions.Remove(name);
        foreach (ServiceName service in _byNamespace.GetValueOrDefault(name) ?? [])
            Settle(_services[service]);
    }

    /// <summary>The service of a name; null where there is none.</summary>
    public ServiceObject? Find(ServiceName name) => _services.GetValueOrDefault(name);

    /// <summary>The services of a namespace.</summary>
    public IReadOnlyCollection<ServiceObject> In(string @namespace) =>
        [.. (_byNamespace.GetValueOrDefault(@namespace) ?? []).OrderBy(name => name.Name, StringComparer.Ordinal).Select(name => _services[name])];

    public void Put(ServiceObject service)
    {
        ServiceName name = ObjectTranslation.NameOf(service);
        Unselect(name);
        _services[name] = service;
        if (!_byNamespace.TryGetValue(name.Namespace, out HashSet<ServiceName>? siblings))
            _byNamespace.Add(name.Namespace, siblings = []);
        siblings.Add(name);
        if (SelectorEntry(service) is { } entry)
        {
            if (!_bySelector.TryGetValue(entry, out HashSet<ServiceName>? services))
                _bySelector.Add(entry, services = []);
            services.Add(name);
        }

        Settle(service);
        Derive(name);
    }

    /// <summary>Lets the services of a namespace follow its labels.</summary>
    public void FollowNamespace(string @namespace)
    {
        foreach (ServiceName name in _byNamespace.GetValueOrDefault(@namespace) ?? [])
            Settle(_services[name]);
    }

    public void Remove(ServiceName name)
    {
        Unselect(name);
        if (_services.Remove(name) && _byNamespace[name.Namespace] is var siblings && siblings.Remove(name) && siblings.Count == 0)
            _byNamespace.Remove(name.Namespace);
        mesh.RemoveService(name);
        Derive(name);
    }

    public void Put(EndpointSliceObject slice)
    {
        ServiceName? former = ServiceOf(_slices.GetValueOrDefault(slice.Key));
        ServiceName? service = ServiceOf(slice);
        if (former is not null && former != service)
            Remove(slice.Key);
        _slices[slice.Key] = slice;
        if (service is null)
            return;
        EndpointSet endpoints = ObjectTranslation.Endpoints(slice, service.Name);
        mesh.Put(endpoints);
        if (former != service)
            Count(service, +1);
    }

    public void Remove(ObjectKey slice)
    {
        if (!_slices.Remove(slice, out EndpointSliceObject? old) || ServiceOf(old) is not { } service)
            return;
        mesh.RemoveEndpoints(service, ObjectTranslation.Endpoints(old, service.Name).Name);
        Count(service, -1);
    }

    /// <summary>Takes a pod that is new or has changed.</summary>
    public void PutPod(PodObject pod)
    {
        var now = new HashSet<ServiceName>();
        foreach (KeyValuePair<string, string> label in pod.Metadata.Labels.Entries)
        {
            if (_bySelector.TryGetValue((pod.Metadata.Namespace, label.Key, label.Value), out HashSet<ServiceName>? candidates))
                now.UnionWith(candidates.Where(name => Derives(name) && pod.Metadata.Labels.Matches(_services[name].Selector)));
        }

        foreach (ServiceName left in _servicesOfPods.GetValueOrDefault(pod.Key, []).Except(now))
            Drop(left, pod.Key);
        foreach (ServiceName name in now)
            Derive(name, pod);
    }

    public void RemovePod(ObjectKey pod)
    {
        foreach (ServiceName service in _servicesOfPods.GetValueOrDefault(pod, []))
            Drop(service, pod);
    }

    private static ServiceName? ServiceOf(EndpointSliceObject? slice) =>
        slice?.ServiceName is { Length: > 0 } name ? new ServiceName(slice.Metadata.Namespace, name) : null;

    private static (string Namespace, string Key, string Value)? SelectorEntry(ServiceObject service) =>
        service.Selector.Entries is [var first, ..] && !service.ExternalName ? (service.Metadata.Namespace, first.Key, first.Value) : null;

    /// <summary>What a namespace says of its services; null where it says nothing.</summary>
    public TrafficDistribution? DistributionOf(string @namespace) =>
        _distributions.TryGetValue(@namespace, out TrafficDistribution distribution) ? distribution : null;

    private void Settle(ServiceObject service)
    {
        // A name in DNS has no addresses of its own: where it leads to is captured like any other address.
        if (service.ExternalName)
            mesh.RemoveService(ObjectTranslation.NameOf(service));
        else
            mesh.Put(ObjectTranslation.Service(
                service, namespaces.Of(service.Metadata.Namespace), DistributionOf(service.Metadata.Namespace), options));
    }

    private bool Derives(ServiceName name) =>
        options.DeriveEndpoints
        && !_sliceCounts.ContainsKey(name)
        && _services.TryGetValue(name, out ServiceObject? service)
        && SelectorEntry(service) is not null;

    private void Unselect(ServiceName name)
    {
        if (!_services.TryGetValue(name, out ServiceObject? service) || SelectorEntry(service) is not { } entry)
            return;
        _bySelector[entry].Remove(name);
        if (_bySelector[entry].Count == 0)
            _bySelector.Remove(entry);
    }

    private void Count(ServiceName service, int change)
    {
        int count = _sliceCounts.GetValueOrDefault(service) + change;
        if (count == 0)
            _sliceCounts.Remove(service);
        else
            _sliceCounts[service] = count;
        Derive(service);
    }

    /// <summary>Works the derived endpoints of a service out afresh.</summary>
    private void Derive(ServiceName name)
    {
        PodObject[] selected = Derives(name)
            ? [.. podsIn(name.Namespace).Where(pod => pod.Metadata.Labels.Matches(_services[name].Selector))]
            : [];
        var names = selected.Select(pod => pod.Metadata.Name).ToHashSet(StringComparer.Ordinal);
        foreach (string left in (_derived.GetValueOrDefault(name) ?? []).Where(pod => !names.Contains(pod)).ToArray())
            Drop(name, new ObjectKey(ObjectKind.Pod, name.Namespace, left));
        foreach (PodObject pod in selected)
            Derive(name, pod);
    }

    private void Derive(ServiceName name, PodObject pod)
    {
        if (ObjectTranslation.DerivedEndpoints(_services[name], pod) is not { } endpoints)
        {
            Drop(name, pod.Key);
            return;
        }

        mesh.Put(endpoints);
        if (!_derived.TryGetValue(name, out HashSet<string>? pods))
            _derived.Add(name, pods = new HashSet<string>(StringComparer.Ordinal));
        pods.Add(pod.Metadata.Name);
        ImmutableArray<ServiceName> services = _servicesOfPods.GetValueOrDefault(pod.Key, []);
        if (!services.Contains(name))
            _servicesOfPods[pod.Key] = services.Add(name);
    }

    private void Drop(ServiceName name, ObjectKey pod)
    {
        if (!_derived.TryGetValue(name, out HashSet<string>? pods) || !pods.Remove(pod.Name))
            return;
        mesh.RemoveEndpoints(name, ObjectTranslation.DerivedSetName(pod.Name));
        if (pods.Count == 0)
            _derived.Remove(name);
        ImmutableArray<ServiceName> services = _servicesOfPods[pod].Remove(name);
        if (services.IsEmpty)
            _servicesOfPods.Remove(pod);
        else
            _servicesOfPods[pod] = services;
    }
}

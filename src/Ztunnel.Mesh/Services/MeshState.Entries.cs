using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <content>Hosts: which services they name, and which of them are one ServiceEntry's.</content>
public sealed partial class MeshState
{
    private readonly ConcurrentDictionary<string, ServiceCell[]> _hostnames = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<(string Namespace, string Entry), ImmutableArray<ServiceName>> _hostsOfEntries = new();

    /// <summary>
    /// The service of that hostname, whatever its case, for clients in a namespace: of several a Kubernetes Service, then what the
    /// client's own namespace has, then the oldest. A null <paramref name="client"/> stands for nobody in particular.
    /// </summary>
    public Service? ServiceByHostname(string hostname, string? client = null) =>
        _hostnames.TryGetValue(hostname, out ServiceCell[]? claimants) ? ServiceClaims.Choose(claimants, client)?.Table?.Service : null;

    /// <summary>The services that a ServiceEntry has, one for each of its hosts that no other has.</summary>
    public ImmutableArray<Service> ServicesOfEntry(string @namespace, string entry) =>
        [.. _hostsOfEntries.GetValueOrDefault((@namespace, entry), []).Select(ServiceByName).OfType<Service>()];

    private void FollowEntry(ServiceName service, string? old, string? @new)
    {
        if (string.Equals(old, @new, StringComparison.Ordinal))
            return;
        if (old is not null)
        {
            ImmutableArray<ServiceName> rest = _hostsOfEntries[(service.Namespace, old)].Remove(service);
            if (rest.IsEmpty)
                _hostsOfEntries.TryRemove((service.Namespace, old), out _);
            else
                _hostsOfEntries[(service.Namespace, old)] = rest;
        }

        if (@new is not null)
            _hostsOfEntries[(service.Namespace, @new)] = _hostsOfEntries.GetValueOrDefault((service.Namespace, @new), []).Add(service);
    }

    /// <summary>Takes note of the hostname that a service has now.</summary>
    private void Rename(ServiceCell cell, Service? old, Service? @new)
    {
        if (string.Equals(old?.Hostname, @new?.Hostname, StringComparison.OrdinalIgnoreCase))
            return;
        if (old is not null)
            Claim(old.Hostname, cell, null);
        if (@new is not null)
            Claim(@new.Hostname, null, cell);
    }

    private void Claim(string hostname, ServiceCell? old, ServiceCell? @new)
    {
        ServiceCell[] claimants = ServiceClaims.Replace(_hostnames.GetValueOrDefault(hostname, []), old, @new);
        if (claimants.Length == 0)
            _hostnames.TryRemove(hostname, out _);
        else
            _hostnames[hostname] = claimants;
    }
}

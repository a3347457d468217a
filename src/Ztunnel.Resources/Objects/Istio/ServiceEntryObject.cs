using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>ServiceEntry</c> of Istio's, versions v1, v1beta1 and v1alpha3, which have the same fields.</summary>
public sealed record ServiceEntryObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.ServiceEntry;

    /// <summary>The hosts, lower case; each is a service of its own.</summary>
    public ValueArray<string> Hosts { get; init; } = [];

    /// <summary>The virtual addresses, those that are single.</summary>
    public ValueArray<IPAddress> Addresses { get; init; } = [];

    /// <summary>The virtual addresses, those that are blocks.</summary>
    public ValueArray<IPNetwork> Ranges { get; init; } = [];

    /// <summary>The ports.</summary>
    public ValueArray<ServicePortSpec> Ports { get; init; } = [];

    /// <summary>Where its endpoints come from.</summary>
    public EntryResolution Resolution { get; init; }

    /// <summary>The endpoints; none where <see cref="Selector"/> finds them, or the hosts themselves are their names.</summary>
    public ValueArray<EntryEndpoint> Endpoints { get; init; } = [];

    /// <summary>The labels of the pods and WorkloadEntries of its namespace that are its endpoints; null for none.</summary>
    public StringMap? Selector { get; init; }

    /// <summary>The namespaces that know of it; none is all.</summary>
    public ValueArray<string> ExportTo { get; init; } = [];

    /// <summary>The names of which a server's certificate is to have one.</summary>
    public ValueArray<string> SubjectAltNames { get; init; } = [];

    /// <summary>The addresses that a control plane has assigned to hosts (<c>status.addresses</c>).</summary>
    public ValueArray<AssignedAddress> Assigned { get; init; } = [];

    /// <summary>The fields it has that nothing comes of, by their paths.</summary>
    public ValueArray<string> NotEnforced { get; init; } = [];
}

/// <summary>Where a ServiceEntry's endpoints come from.</summary>
public enum EntryResolution
{
    /// <summary>Clients get the very address they ask for.</summary>
    None,

    /// <summary>They are given by their addresses.</summary>
    Static,

    /// <summary>They are found in DNS.</summary>
    Dns,

    /// <summary>They are found in DNS by the name a client asks for, below a wildcard host.</summary>
    Dynamic,
}

/// <summary>An endpoint of a ServiceEntry, or a WorkloadEntry.</summary>
public sealed record EntryEndpoint
{
    /// <summary>Its address; null where it is given by <see cref="Name"/>.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>Its name in DNS; null where it is given by <see cref="Address"/>.</summary>
    public string? Name { get; init; }

    /// <summary>Which port of it serves which port of the service by name; the service says so where it is not here.</summary>
    public ValueArray<EndpointPort> Ports { get; init; } = [];

    /// <summary>Its labels.</summary>
    public StringMap Labels { get; init; } = StringMap.Empty;

    /// <summary>The region it is in; null where nothing says so.</summary>
    public string? Region { get; init; }

    /// <summary>The zone it is in; null where nothing says so.</summary>
    public string? Zone { get; init; }
}

/// <summary>An address that stands for a host of a ServiceEntry.</summary>
/// <param name="Host">The host; empty for every host.</param>
/// <param name="Address">The address.</param>
public sealed record AssignedAddress(string Host, IPAddress Address);

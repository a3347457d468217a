using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// What one EndpointSlice says: some of a service's endpoints, each serving every port listed. A service has any number of
/// sets, each replaced or removed by itself.
/// </summary>
public sealed record EndpointSet
{
    /// <summary>The service these are endpoints of.</summary>
    public required ServiceName Service { get; init; }

    /// <summary>The set's own name, unique among those of the service.</summary>
    public required string Name { get; init; }

    /// <summary>Which port number serves which named port of the service.</summary>
    public ImmutableArray<EndpointPort> Ports { get; init; } = [];

    /// <summary>The endpoints' addresses and condition.</summary>
    public ImmutableArray<EndpointAddress> Addresses { get; init; } = [];

    /// <summary>Whether both say the same.</summary>
    public bool Equals(EndpointSet? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && Service == other.Service
            && string.Equals(Name, other.Name, StringComparison.Ordinal)
            && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan())
            && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Service, Name);
}

/// <summary>A port of the endpoints of an <see cref="EndpointSet"/>.</summary>
/// <param name="Name">The <see cref="ServicePort.Name"/> it serves; empty for a service's only, unnamed port.</param>
/// <param name="Port">The port number on the endpoint.</param>
public sealed record EndpointPort(string Name, ushort Port);

/// <summary>One endpoint's address in an <see cref="EndpointSet"/>.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Ready">Whether it may be given new connections.</param>
/// <param name="Pod">
/// The pod behind the address, by name in the service's namespace. Such an endpoint is only used while that pod is known and
/// holds the address, so that a stale entry never leads to whoever has the address now. Null for an address that is no pod.
/// </param>
public sealed record EndpointAddress(IPAddress Address, bool Ready, string? Pod = null)
{
    /// <summary>Whether it is being ended and still serves: to be used when no endpoint is ready.</summary>
    public bool Terminating { get; init; }

    /// <summary>The node it is on; null where only its pod says so.</summary>
    public string? Node { get; init; }

    /// <summary>The region it is in; null where only its node says so.</summary>
    public string? Region { get; init; }

    /// <summary>The zone it is in; null where only its node says so.</summary>
    public string? Zone { get; init; }
}

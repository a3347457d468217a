using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// A Kubernetes Service as decisions see it. Immutable; its endpoints are not part of it, they arrive as
/// <see cref="EndpointSet"/>s and are read with <see cref="MeshState.EndpointsOf"/>.
/// </summary>
public sealed record Service
{
    /// <summary>Namespace and name.</summary>
    public required ServiceName Name { get; init; }

    /// <summary>The full DNS name, <c>name.namespace.svc.cluster.local</c>.</summary>
    public required string Hostname { get; init; }

    /// <summary>The cluster IPs, at most one of each family; none for a headless service.</summary>
    public ImmutableArray<IPAddress> VirtualIps { get; init; } = [];

    /// <summary>The TCP ports.</summary>
    public ImmutableArray<ServicePort> Ports { get; init; } = [];

    /// <summary>Whether both describe the same service in every field.</summary>
    public bool Equals(Service? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && Name == other.Name
            && string.Equals(Hostname, other.Hostname, StringComparison.Ordinal)
            && VirtualIps.AsSpan().SequenceEqual(other.VirtualIps.AsSpan())
            && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan()));

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode();

    /// <inheritdoc/>
    public override string ToString() => Name.ToString();
}

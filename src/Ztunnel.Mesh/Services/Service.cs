using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// A Kubernetes Service, or a host of a ServiceEntry, as decisions see it. Immutable; its endpoints are not part of it, they arrive as
/// <see cref="EndpointSet"/>s and are read with <see cref="MeshState.EndpointsOf"/>.
/// </summary>
public sealed record Service
{
    /// <summary>Namespace and name.</summary>
    public required ServiceName Name { get; init; }

    /// <summary>The full DNS name, <c>name.namespace.svc.cluster.local</c>.</summary>
    public required string Hostname { get; init; }

    /// <summary>The single virtual addresses: a Service's cluster IPs, at most one of each family; none for a headless service.</summary>
    public ImmutableArray<IPAddress> VirtualIps { get; init; } = [];

    /// <summary>The TCP ports.</summary>
    public ImmutableArray<ServicePort> Ports { get; init; } = [];

    /// <summary>Whether clients only get endpoints on their own node (<c>internalTrafficPolicy: Local</c>); then <see cref="Distribution"/> says nothing.</summary>
    public bool LocalOnly { get; init; }

    /// <summary>Which endpoints clients get first.</summary>
    public TrafficDistribution Distribution { get; init; }

    /// <summary>Whether endpoints are used before they are ready (<c>publishNotReadyAddresses</c>).</summary>
    public bool PublishNotReadyAddresses { get; init; }

    /// <summary>Whether a client gets the same endpoint each time, while it is there (<c>sessionAffinity: ClientIP</c>).</summary>
    public bool ClientAffinity { get; init; }

    /// <summary>The waypoint it asks for; null when neither its labels nor its namespace's say anything.</summary>
    public WaypointRequest? Waypoint { get; init; }

    /// <summary>Whether ingress gateways go through its waypoint too.</summary>
    public bool IngressUsesWaypoint { get; init; }

    /// <summary>What it has as a host of a ServiceEntry; null for a Kubernetes Service.</summary>
    public ServiceEntry? Entry { get; init; }

    /// <summary>Whether it matters to the service where its endpoints are.</summary>
    internal bool MindsTopology => LocalOnly || Distribution != TrafficDistribution.Any;

    /// <summary>Whether both describe the same service in every field.</summary>
    public bool Equals(Service? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && Name == other.Name
            && string.Equals(Hostname, other.Hostname, StringComparison.Ordinal)
            && Waypoint == other.Waypoint
            && IngressUsesWaypoint == other.IngressUsesWaypoint
            && VirtualIps.AsSpan().SequenceEqual(other.VirtualIps.AsSpan())
            && Ports.AsSpan().SequenceEqual(other.Ports.AsSpan())
            && LocalOnly == other.LocalOnly
            && Distribution == other.Distribution
            && PublishNotReadyAddresses == other.PublishNotReadyAddresses
            && ClientAffinity == other.ClientAffinity
            && Entry == other.Entry);

    /// <inheritdoc/>
    public override int GetHashCode() => Name.GetHashCode();

    /// <summary>Whether <paramref name="port"/> is one of its ports.</summary>
    internal bool Serves(int port)
    {
        foreach (ServicePort served in Ports)
        {
            if (served.Port == port)
                return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public override string ToString() => Name.ToString();
}

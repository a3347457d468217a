using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// A pod as the mesh sees it. Immutable: a change of the pod is a new object, told as a <see cref="WorkloadChange"/> under the
/// same <see cref="Uid"/>.
/// </summary>
public sealed record Workload
{
    /// <summary>The key, never reused: the pod's <c>metadata.uid</c>.</summary>
    public required string Uid { get; init; }

    /// <summary>
    /// The uid that a static pod has with its kubelet, and so in the names of its control groups; null for other pods, and for those of
    /// other nodes.
    /// </summary>
    public string? StaticUid { get; init; }

    /// <summary>The uid that the pod's kubelet knows it by.</summary>
    public string KubeletUid => StaticUid ?? Uid;

    /// <summary>The pod's name.</summary>
    public required string Name { get; init; }

    /// <summary>The pod's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The pod's service account, <c>default</c> when it names none.</summary>
    public required string ServiceAccount { get; init; }

    /// <summary>Who the workload is to its peers.</summary>
    public required SpiffeId Identity { get; init; }

    /// <summary>Its IP addresses, without IPv4-mapped forms; empty before it has one and once it has given them up.</summary>
    public ImmutableArray<IPAddress> Addresses { get; init; } = [];

    /// <summary>The node it runs on, empty while it is not scheduled.</summary>
    public string Node { get; init; } = "";

    /// <summary>Whether it shares its node's network, so that its addresses are not its own.</summary>
    public bool HostNetwork { get; init; }

    /// <summary>Whether it is in the mesh, or why not.</summary>
    public Enrolment Enrolment { get; init; }

    /// <summary>Whether it is in the mesh: its traffic is captured and it is reached through HBONE.</summary>
    public bool Ambient => Enrolment == Enrolment.Ambient;

    /// <summary>Whether its Ready condition holds and it is not being deleted.</summary>
    public bool Ready { get; init; }

    /// <summary>
    /// The pod's network namespace as its annotation <c>ztunnel.io/network-namespace</c> names it: an absolute path, or a name
    /// relative to the agent's directory of namespaces. Null when it names none.
    /// </summary>
    public string? NetworkNamespace { get; init; }

    /// <summary>
    /// Whether only what the pod opens is captured, and what comes to it past tunnels reaches its ports as it is: annotation
    /// <c>ambient.istio.io/bypass-inbound-capture</c>.
    /// </summary>
    public bool BypassesInbound { get; init; }

    /// <summary>
    /// Whether it is written on the pod that it takes tunnels, under the service account it has: annotations
    /// <c>ambient.istio.io/redirection: enabled</c> and <c>ztunnel.io/service-account</c>.
    /// </summary>
    public bool Announced { get; init; }

    /// <summary>The name of what the pod is an instance of, such as its Deployment; the pod's own name when nothing owns it.</summary>
    public string WorkloadName { get; init; } = "";

    /// <summary>Istio's canonical service name, the <c>app</c> of logs and metrics.</summary>
    public string CanonicalName { get; init; } = "";

    /// <summary>Istio's canonical revision, the <c>version</c> of logs and metrics; <c>latest</c> by default.</summary>
    public string CanonicalRevision { get; init; } = "latest";

    /// <summary>The pod's labels, by which policies and waypoints select it.</summary>
    public StringMap Labels { get; init; } = StringMap.Empty;

    /// <summary>The waypoint it asks for; null when neither its labels nor its namespace's say anything.</summary>
    public WaypointRequest? Waypoint { get; init; }

    /// <summary>The Gateway that the pod is an instance of; null for the ordinary pod.</summary>
    public GatewayName? Gateway { get; init; }

    /// <summary>When the pod was created, where that is known: of two pods that hold one address the later has it.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Whether both describe the same workload in every field.</summary>
    public bool Equals(Workload? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && string.Equals(Uid, other.Uid, StringComparison.Ordinal)
            && string.Equals(StaticUid, other.StaticUid, StringComparison.Ordinal)
            && string.Equals(Name, other.Name, StringComparison.Ordinal)
            && string.Equals(Namespace, other.Namespace, StringComparison.Ordinal)
            && string.Equals(ServiceAccount, other.ServiceAccount, StringComparison.Ordinal)
            && Identity == other.Identity
            && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan())
            && string.Equals(Node, other.Node, StringComparison.Ordinal)
            && HostNetwork == other.HostNetwork
            && Enrolment == other.Enrolment
            && Ready == other.Ready
            && string.Equals(NetworkNamespace, other.NetworkNamespace, StringComparison.Ordinal)
            && BypassesInbound == other.BypassesInbound
            && Announced == other.Announced
            && string.Equals(WorkloadName, other.WorkloadName, StringComparison.Ordinal)
            && string.Equals(CanonicalName, other.CanonicalName, StringComparison.Ordinal)
            && string.Equals(CanonicalRevision, other.CanonicalRevision, StringComparison.Ordinal)
            && Labels.Equals(other.Labels)
            && Waypoint == other.Waypoint
            && Gateway == other.Gateway
            && Created == other.Created);

    /// <inheritdoc/>
    public override int GetHashCode() => Uid.GetHashCode(StringComparison.Ordinal);

    /// <summary>The form messages use: <c>namespace/name</c>.</summary>
    public override string ToString() => $"{Namespace}/{Name}";
}

using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>How objects become the mesh.</summary>
public sealed record TranslatorOptions
{
    /// <summary>The trust domain of the identities.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>The trust domain that in a policy's principals stands for the mesh's own, whatever that is called.</summary>
    public const string LocalTrustDomain = "cluster.local";

    /// <summary>Former names of the trust domain: a policy that names one of them means all, as Istio's <c>trustDomainAliases</c>.</summary>
    public ValueArray<string> TrustDomainAliases { get; init; } = [];

    /// <summary>The namespace whose policies are about the whole mesh.</summary>
    public string RootNamespace { get; init; } = "istio-system";

    /// <summary>The DNS domain of services' hostnames.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>Namespaces whose pods stay out of the mesh whatever their labels, as Istio's <c>excludeNamespaces</c>.</summary>
    public ValueArray<string> ExcludedNamespaces { get; init; } = ["kube-system"];

    /// <summary>
    /// Which namespaces take part, as Istio's <c>discoverySelectors</c>: those whose labels one of them matches. Empty for all.
    /// </summary>
    public ValueArray<LabelSelector> DiscoverySelectors { get; init; } = [];

    /// <summary>
    /// Whether to work out the endpoints of a service that has a selector and no EndpointSlice, as Kubernetes' controller would.
    /// For manifests, where no such controller runs; to be off for a cluster.
    /// </summary>
    public bool DeriveEndpoints { get; init; } = true;

    /// <summary>
    /// Whether the objects are a cluster's: a pod of another node is in the mesh when that node's agent has said so, by the
    /// annotation <see cref="PodObject.RedirectionAnnotation"/>, whatever its labels ask for. Of manifests the labels of all count.
    /// </summary>
    public bool InCluster { get; init; }

    /// <summary>In a cluster, the node on whose pods the agent acts, so that of those the labels count; null where there is none.</summary>
    public string? OwnNode { get; init; }

    /// <summary>Finds the addresses of endpoints that ServiceEntries give by names; without it they have none.</summary>
    public INameResolver? Names { get; init; }

    /// <summary>The trust domain and its aliases.</summary>
    internal IEnumerable<string> TrustDomains => TrustDomainAliases.Prepend(TrustDomain);
}

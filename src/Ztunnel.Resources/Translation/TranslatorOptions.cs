namespace Ztunnel.Resources;

/// <summary>How objects become the mesh.</summary>
public sealed record TranslatorOptions
{
    /// <summary>The trust domain of the identities.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>The DNS domain of services' hostnames.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>Namespaces whose pods stay out of the mesh whatever their labels, as Istio's <c>excludeNamespaces</c>.</summary>
    public ValueArray<string> ExcludedNamespaces { get; init; } = ["kube-system"];

    /// <summary>
    /// Whether to work out the endpoints of a service that has a selector and no EndpointSlice, as Kubernetes' controller would.
    /// For manifests, where no such controller runs; to be off for a cluster.
    /// </summary>
    public bool DeriveEndpoints { get; init; } = true;
}

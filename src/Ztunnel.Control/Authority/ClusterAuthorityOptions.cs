using System.Net;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>How the certificate authority of a cluster is run. The defaults are Istio's, so that either can take the other's place.</summary>
public sealed record ClusterAuthorityOptions
{
    /// <summary>Trust domain of all identities.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>The namespace of the Secrets with the key, and of the authority's own Service.</summary>
    public string SystemNamespace { get; init; } = "istio-system";

    /// <summary>Where it listens.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.IPv6Any, 15012);

    /// <summary>
    /// The Services it is reached by in the system namespace; its own certificate is for <c>SERVICE.NAMESPACE.svc</c> of each.
    /// </summary>
    public IReadOnlyList<string> Services { get; init; } = ["ztunnel-controller", "istiod"];

    /// <summary>The service accounts of nodes' agents, <c>NAMESPACE/NAME</c>, which may ask for the identities of their node's pods.</summary>
    public IReadOnlyList<string> NodeAccounts { get; init; } = ["istio-system/ztunnel"];

    /// <summary>The GatewayClasses whose Gateways get pods that mount the roots.</summary>
    public IReadOnlyList<string> GatewayClasses { get; init; } = ["istio", "istio-waypoint"];

    /// <summary>What tokens must have been made for.</summary>
    public string Audience { get; init; } = "istio-ca";

    /// <summary>How long a certificate is valid where the caller does not say.</summary>
    public TimeSpan DefaultLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The longest a certificate is valid. So long a root stays trusted after it has signed last.</summary>
    public TimeSpan MaxLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How long a new root is trusted everywhere before it signs: what the slowest kubelet takes to bring a changed ConfigMap into its
    /// pods, and more.
    /// </summary>
    public TimeSpan Propagation { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long a namespace with Gateways may hold up another root, by what its owners have put there or by what is forbidden there.
    /// So long there is to set it right; the system's own namespace is waited for however long it takes.
    /// </summary>
    public TimeSpan LongestHold { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long a root that the authority makes for itself is valid. The next is begun when a fifth of that is left.</summary>
    public TimeSpan RootLifetime { get; init; } = TimeSpan.FromDays(3650);

    /// <summary>How often Secrets and ConfigMaps are looked at.</summary>
    public TimeSpan LookInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How the API server is asked for reviews of tokens: a thousand nodes that start at once have theirs reviewed within moments, and no
    /// try lasts longer than a call waits.
    /// </summary>
    internal ApiClientOptions Reviewing { get; init; } = new() { RequestsPerSecond = 300, Burst = 1000, Tries = 2, Timeout = TokenAuthenticator.Longest };

    /// <summary>What one address may have of the port.</summary>
    internal ClientLimits Clients { get; init; } = new();

    /// <summary>How many tokens are reviewed, of all and of one address.</summary>
    internal ReviewLimits Reviews { get; init; } = new();

    /// <summary>How long the leader rests between two looks, whatever changes meanwhile.</summary>
    internal TimeSpan LeastInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the agent of a node may ask: all pods of a large one at its start, then renewals.</summary>
    internal CallRate NodeRate { get; init; } = new(PerSecond: 50, Burst: 1000);

    /// <summary>How often anybody else may.</summary>
    internal CallRate CallerRate { get; init; } = new(PerSecond: 1, Burst: 20);
}

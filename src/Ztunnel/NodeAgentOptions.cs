using Ztunnel.Capture;
using Ztunnel.Diagnostics;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>What a node's agent is told at start.</summary>
public sealed record NodeAgentOptions
{
    /// <summary>The node's name, as in the pods' <c>spec.nodeName</c>.</summary>
    public required string Node { get; init; }

    /// <summary>Where the Kubernetes objects come from.</summary>
    public required IResourceSource Source { get; init; }

    /// <summary>
    /// Where the node's /proc is, by which pods' network namespaces are found; null to believe the pods' annotation
    /// <c>ztunnel.io/network-namespace</c>, which is for manifests only: with <see cref="Api"/> it is <c>/proc</c> then.
    /// </summary>
    public string? Proc { get; init; }

    /// <summary>Namespaces whose pods stay out of the mesh whatever their labels.</summary>
    public ValueArray<string> ExcludedNamespaces { get; init; } = ["kube-system"];

    /// <summary>Which namespaces take part: those whose labels one of these matches. Empty for all.</summary>
    public ValueArray<LabelSelector> DiscoverySelectors { get; init; } = [];

    /// <summary>The CNI plugin to keep installed, by which pods are captured before they start; null for none. With <see cref="RunDirectory"/>.</summary>
    public CniOptions? Cni { get; init; }

    /// <summary>
    /// The DaemonSet that the agent is a pod of; null where it is none. When that is deleted, the agent takes the CNI plugin with it as it
    /// ends. With <see cref="Api"/>.
    /// </summary>
    public DaemonSetName? DaemonSet { get; init; }

    /// <summary>
    /// The API of the cluster whose objects these are; null for manifests. Pods are asked for there and told of there, and what
    /// they say of their network namespaces is not believed.
    /// </summary>
    public ApiClient? Api { get; init; }

    /// <summary>Directory in which the pods' annotation <c>ztunnel.io/network-namespace</c> names namespaces.</summary>
    public string NamespaceDirectory { get; init; } = "/run/netns";

    /// <summary>Trust domain of all identities.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>Former names of the trust domain, whose identities and principals still count.</summary>
    public IReadOnlyList<string> TrustDomainAliases { get; init; } = [];

    /// <summary>Finds the addresses of endpoints that ServiceEntries give by names.</summary>
    public INameResolver Names { get; init; } = new SystemNameResolver();

    /// <summary>The namespace whose policies are about the whole mesh.</summary>
    public string RootNamespace { get; init; } = "istio-system";

    /// <summary>Worker threads, one event loop each.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>How long a stop waits for open connections.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether a stop takes the rules out of the pods too, so that they go on in the clear: for taking a node out of the mesh.
    /// Otherwise the rules stay and nothing leaves a pod until the next agent is there.
    /// </summary>
    public bool ReleaseOnExit { get; init; }

    /// <summary>Where the diagnostics listen.</summary>
    public DiagnosticsOptions Diagnostics { get; init; } = new();

    /// <summary>
    /// Where the agent waits for the one that is to follow it, and looks for the one before it; a directory of the node's, for
    /// root only. Null: an agent ends before another begins.
    /// </summary>
    public string? RunDirectory { get; init; }

    /// <summary>
    /// How long an agent that follows another waits for pods that take long to enrol before it takes over all the same. What
    /// comes to those pods waits, unless they take minutes.
    /// </summary>
    public TimeSpan SettlePatience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The node's own network namespace, in which the diagnostics listen; null for that of this process.</summary>
    public NetworkNamespace? NodeNamespace { get; init; }

    /// <summary>How the model decides where there is a choice.</summary>
    public MeshOptions Mesh { get; init; } = new();

    /// <summary>How the data path behaves.</summary>
    public ProxyOptions Proxy { get; init; } = new();

    /// <summary>How probes from the node, which have no identity, are let through to its captured pods.</summary>
    public ProbePath Probes { get; init; } = ProbePath.LinkLocal;
}

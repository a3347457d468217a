using Ztunnel.Diagnostics;
using Ztunnel.Gateway;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>What a gateway is told at start.</summary>
public sealed record GatewayAgentOptions
{
    /// <summary>The Gateway's name and namespace.</summary>
    public required GatewayName Name { get; init; }

    /// <summary>Where the Kubernetes objects come from.</summary>
    public required IResourceSource Source { get; init; }

    /// <summary>
    /// Whether the objects are a cluster's: of pods it counts what their nodes' agents say, and endpoints are those that the
    /// cluster lists. Of manifests all is worked out here.
    /// </summary>
    public bool InCluster { get; init; }

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

    /// <summary>How long a stop waits for requests under way.</summary>
    public TimeSpan DrainTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How the engine behaves, and the network namespace of the pod it is.</summary>
    public GatewayOptions Engine { get; init; } = new();

    /// <summary>How the model decides where there is a choice.</summary>
    public MeshOptions Mesh { get; init; } = new();

    /// <summary>Where the diagnostics listen, inside the pod; null for nowhere.</summary>
    public DiagnosticsOptions? Diagnostics { get; init; }
}

using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Testing.Cluster;

/// <summary>What all kubelets of a cluster have in common.</summary>
internal sealed record KubeletOptions
{
    /// <summary>Which programs images are.</summary>
    public required ImageTable Images { get; init; }

    /// <summary>The resolver in pods' resolv.conf.</summary>
    public required IPAddress Dns { get; init; }

    /// <summary>Where pods reach the API server.</summary>
    public required IPEndPoint ApiServer { get; init; }

    /// <summary>The authority that signed the API server's certificate, as PEM.</summary>
    public required string ApiServerRoot { get; init; }

    /// <summary>A directory that all of them may use.</summary>
    public required string Directory { get; init; }

    /// <summary>Where pods' control groups are.</summary>
    public required ClusterCgroup Cgroup { get; init; }

    /// <summary>What every container has in its environment besides its own.</summary>
    public ImmutableDictionary<string, string> Environment { get; init; } = ImmutableDictionary<string, string>.Empty;
}

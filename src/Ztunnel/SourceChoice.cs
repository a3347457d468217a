using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>Where the Kubernetes objects come from: one of two.</summary>
internal abstract record SourceChoice
{
    private SourceChoice()
    {
    }

    /// <summary>Opens it; nothing is read yet. Throws <see cref="ApiAccessException"/> where no way to the cluster is known.</summary>
    public abstract OpenSource Open(ILoggerFactory loggers);

    /// <summary>A directory of manifests.</summary>
    public sealed record Manifests(string Directory) : SourceChoice
    {
        public override OpenSource Open(ILoggerFactory loggers) =>
            new(new DirectorySource(Directory, logger: loggers.CreateLogger<DirectorySource>()), null);
    }

    /// <summary>A cluster's API server.</summary>
    public sealed record Cluster(ClusterChoice Where, KubernetesSourceOptions Options) : SourceChoice
    {
        public override OpenSource Open(ILoggerFactory loggers)
        {
            ApiClient client = Where.Connect(loggers);
            return new OpenSource(new KubernetesSource(client, Options, loggers.CreateLogger<KubernetesSource>()), client);
        }
    }
}

/// <summary>A source that was opened.</summary>
/// <param name="Source">The objects.</param>
/// <param name="Client">The cluster's API server, for what is to be written there; null where the objects are manifests.</param>
internal sealed record OpenSource(IResourceSource Source, ApiClient? Client) : IDisposable
{
    public void Dispose() => Client?.Dispose();
}

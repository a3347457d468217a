namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>
/// One cluster for all tests that need one: half a dozen processes are enough. They run one after another, each in namespaces of its
/// own, and leave the mesh as they found it.
/// </summary>
[CollectionDefinition(Name)]
public sealed class ClusterFixture : IAsyncLifetime, ICollectionFixture<ClusterFixture>
{
    public const string Name = "cluster";

    internal ClusterLab Lab { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Lab = await ClusterLab.Start();

    public async ValueTask DisposeAsync()
    {
        if (Lab is not null)
            await Lab.DisposeAsync();
    }
}

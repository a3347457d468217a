using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

public sealed class LiveCollectionTests
{
    private static readonly ObjectName Web = new("shop", "web");

    [Fact]
    public async Task What_a_write_left_counts_until_the_server_has_told_something_since()
    {
        await using ApiServer server = await ApiServer.Start();
        using ApiClient client = ControllerWorld.Connect(server);
        using var stop = new CancellationTokenSource();
        var services = new LiveCollection<string>(
            new ResourceWatch(client, ApiResource.Services.All()), static @object => @object.GetProperty("metadata").GetProperty("resourceVersion").GetString(), NullLogger.Instance);
        server.Put(Manifest.Service("web"));
        Task following = services.Run(stop.Token);
        await services.Synced;
        string before = services.Find(Web)!, written = "later";

        services.Learn(Web, before, written);
        Assert.Same(written, services.Find(Web));
        server.Put(Manifest.Service("web", "a: b"));
        await Eventually.Holds(() => services.Find(Web) != written);
        string told = services.Find(Web)!;
        services.Learn(Web, written, "older");
        Assert.Same(told, services.Find(Web));

        server.Objects.Delete("v1", "Service", "shop", "web");
        await Eventually.Holds(() => services.Find(Web) is null);
        services.Learn(Web, told, written);
        services.Learn(Web, null, written);
        Assert.Null(services.Find(Web));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => following);
    }
}

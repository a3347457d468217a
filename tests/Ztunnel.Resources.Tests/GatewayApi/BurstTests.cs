using System.Runtime.CompilerServices;
using Ztunnel.Testing;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Many changes that come at one time cost one change of what is served.</summary>
public sealed class BurstTests
{
    [Fact]
    public async Task What_a_source_says_at_one_time_is_settled_once()
    {
        var source = new Script();
        var world = new World();
        int changes = 0;
        using IDisposable observation = world.Mesh.ObserveHttpGateways(_ => Interlocked.Increment(ref changes));
        using var stop = new CancellationTokenSource();
        Task running = world.Translator.Run(source, stop.Token);

        await world.Translator.Synced;
        Assert.Equal(("r7 -> 500", 1), (world.Ask("g", "h7.com"), Volatile.Read(ref changes)));

        source.Go();
        await Eventually.Holds(() => world.Ask("g", "h7.com", "/elsewhere") is null);
        Assert.Equal(("r7 -> 500", 2), (world.Ask("g", "h7.com", "/only"), Volatile.Read(ref changes)));
        Assert.Equal(100, world.AttachedRoutes("g", "http"));

        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    private sealed class Script : IResourceSource
    {
        private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Go() => _go.SetResult();

        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return Put(Gateway("g", [Listener("http")]));
            foreach (ResourceEvent route in Routes("/"))
                yield return route;
            await Task.Yield();
            yield return new ResourceEvent.Synced();
            await _go.Task.WaitAsync(cancellationToken);
            foreach (ResourceEvent route in Routes("/only"))
                yield return route;
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        private static IEnumerable<ResourceEvent> Routes(string path) => Enumerable.Range(0, 100)
            .Select(i => Put(Route($"r{i}", "{name: g}", $"{{matches: [{{path: {{value: {path} }} }}], backendRefs: [{{name: web, port: 80}}]}}", hostnames: $"h{i}.com")));

        private static ResourceEvent.Put Put(string manifest) => new(Manifests.Objects(manifest).Single(), new Origin("x.yaml", 1));
    }
}

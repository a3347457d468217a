using System.Collections.Concurrent;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Source;

/// <summary>A source that follows the tests' API server, and what it has told.</summary>
internal sealed class SourceRun : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<ObjectKey, KubernetesObject> _objects = new();
    private readonly ConcurrentDictionary<string, SourceReport> _reports = new(StringComparer.Ordinal);
    private readonly Task _run;
    private volatile bool _synced;

    public SourceRun(ApiServer server, KubernetesSourceOptions options, ApiUser? user = null, ApiClientOptions? asking = null, TimeProvider? time = null)
    {
        asking ??= new ApiClientOptions { FirstDelay = TimeSpan.FromMilliseconds(1), RequestsPerSecond = 10_000, Burst = 1000 };
        Client = new ApiClient(ServerAccess.Of(server, user), asking, time);
        var source = new KubernetesSource(Client, options with { Watching = options.Watching with { FirstDelay = TimeSpan.FromMilliseconds(5), LongestDelay = TimeSpan.FromMilliseconds(20) } });
        _run = Task.Run(() => Follow(source));
    }

    public ApiClient Client { get; }

    public bool Synced => _synced;

    /// <summary>What was told, in its order: <c>+ Kind ns/name</c>, or <c>-</c>.</summary>
    public ConcurrentQueue<string> Told { get; } = [];

    /// <summary>What broke the run down, if anything did.</summary>
    public Exception? Fault => _run.Exception;

    public IReadOnlyCollection<SourceReport> Reports => [.. _reports.Values];

    public IEnumerable<ResourceProblem> Problems => Reports.SelectMany(report => report.Problems);

    /// <summary>The objects there are, as <c>Kind ns/name</c>.</summary>
    public string[] Names => [.. _objects.Keys.Select(key => key.ToString()).Order(StringComparer.Ordinal)];

    public ICollection<KubernetesObject> Objects => _objects.Values;

    public static KubernetesSourceOptions Node { get; } = new() { Role = MeshRole.Node, Node = "node-a" };

    public static KubernetesSourceOptions Gateway { get; } = new() { Role = MeshRole.Gateway, Gateway = new GatewayName("web", "gw") };

    public T? Find<T>(ObjectKind kind, string ns, string name)
        where T : KubernetesObject => _objects.GetValueOrDefault(new ObjectKey(kind, ns, name)) as T;

    public PodObject? Pod(string name) => Find<PodObject>(ObjectKind.Pod, "default", name);

    public SourceReport? Report(string name) => _reports.GetValueOrDefault(name);

    public Task IsSynced() => Eventually.Holds(() => _synced || _run.IsCompleted);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        Client.Dispose();
        _stop.Dispose();
    }

    private async Task Follow(KubernetesSource source)
    {
        await foreach (ResourceEvent told in source.Watch(_stop.Token))
        {
            switch (told)
            {
                case ResourceEvent.Put put:
                    Told.Enqueue($"+ {put.Object.Key}");
                    _objects[put.Object.Key] = put.Object;
                    break;
                case ResourceEvent.Remove gone:
                    Told.Enqueue($"- {gone.Key}");
                    _objects.TryRemove(gone.Key, out _);
                    break;
                case ResourceEvent.Report report:
                    _reports[report.Source.Name] = report.Source;
                    break;
                case ResourceEvent.Synced:
                    Assert.False(_synced);
                    _synced = true;
                    break;
            }
        }
    }
}

using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// The objects of a cluster, from its API server: those kinds that a role needs, each in the best version that is served. A
/// kind that the server does not have is waited for; one that may not be read is reported, and for policies
/// <see cref="ResourceEvent.Synced"/> does not come, as traffic would be let in that they refuse; where it came before, the
/// report has <see cref="ResourceProblem.KeepsFromServing"/>. An object that cannot be read
/// stays as it was. The controller is told the statuses that it writes (<see cref="ResourceEvent.Status"/>). When the server is lost, what was read stays, and the report of each collection says so.
/// </summary>
public sealed class KubernetesSource : IResourceSource
{
    private const int MostWaiting = 1024;

    private readonly ApiClient _client;
    private readonly KubernetesSourceOptions _options;
    private readonly ILogger _logger;
    private readonly ServedVersions _served;

    /// <summary>Asks for nothing yet. The client is the caller's to dispose, after the watch has ended.</summary>
    public KubernetesSource(ApiClient client, KubernetesSourceOptions options, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Role == MeshRole.Node && options.Node is null)
            throw new ArgumentException("a node's agent needs its node's name", nameof(options));
        _client = client;
        _options = options;
        _logger = logger ?? NullLogger.Instance;
        _served = new ServedVersions(client);
    }

    /// <summary>The kinds that a role reads.</summary>
    public static IReadOnlyList<ObjectKind> KindsOf(MeshRole role) => role switch
    {
        MeshRole.Node => ForNodes,
        MeshRole.Gateway => [.. ForNodes, .. ForGateways],
        _ => [.. ObjectJson.Kinds],
    };

    private static ObjectKind[] ForNodes { get; } =
    [
        ObjectKind.Namespace, ObjectKind.Node, ObjectKind.Pod, ObjectKind.Service, ObjectKind.EndpointSlice, ObjectKind.AuthorizationPolicy,
        ObjectKind.PeerAuthentication, ObjectKind.Gateway, ObjectKind.GatewayClass, ObjectKind.ServiceEntry, ObjectKind.WorkloadEntry,
    ];

    private static ObjectKind[] ForGateways { get; } =
    [
        ObjectKind.HttpRoute, ObjectKind.GrpcRoute, ObjectKind.TlsRoute, ObjectKind.TcpRoute, ObjectKind.ReferenceGrant,
        ObjectKind.RequestAuthentication, ObjectKind.DestinationRule, ObjectKind.Secret,
    ];

    // Those whose statuses the controller writes. Of PeerAuthentications and the like Istio's CRDs have the subresource too.
    private static HashSet<ObjectKind> WithStatus { get; } =
    [
        ObjectKind.Gateway, ObjectKind.GatewayClass, ObjectKind.HttpRoute, ObjectKind.GrpcRoute, ObjectKind.TlsRoute, ObjectKind.TcpRoute,
        ObjectKind.Service, ObjectKind.ServiceEntry, ObjectKind.WorkloadEntry,
        ObjectKind.AuthorizationPolicy, ObjectKind.RequestAuthentication, ObjectKind.PeerAuthentication,
    ];

    /// <inheritdoc/>
    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Channel<ResourceEvent> events = Channel.CreateBounded<ResourceEvent>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var turn = new SemaphoreSlim(1);
        using var secrets = new SecretFollowers(_client, _options, told => events.Writer.WriteAsync(told, ended.Token), _logger, ended.Token);
        CollectionFollower[] followers = [.. Followers(secrets.Tell, turn)];
        Task all = Follow(followers, secrets, events.Writer, ended);
        try
        {
            await foreach (ResourceEvent told in events.Reader.ReadAllAsync(cancellationToken))
                yield return told;
        }
        finally
        {
            await ended.CancelAsync();
            await all;
        }
    }

    /// <summary>Runs all until one breaks down, which ends the watch with what that broke down by.</summary>
    private static async Task Follow(CollectionFollower[] followers, SecretFollowers secrets, ChannelWriter<ResourceEvent> events, CancellationTokenSource ended)
    {
        Task[] running = [.. followers.Select(follower => Task.Run(() => follower.Run(ended.Token))), secrets.Run(), TellSynced(followers, secrets, events, ended.Token)];
        Exception? fault = null;
        await foreach (Task done in Task.WhenEach(running))
        {
            if (done.IsFaulted)
            {
                fault ??= done.Exception.InnerException;
                await ended.CancelAsync();
            }
        }

        events.TryComplete(fault);
    }

    private static async Task TellSynced(CollectionFollower[] followers, SecretFollowers secrets, ChannelWriter<ResourceEvent> events, CancellationToken cancellationToken)
    {
        await Task.WhenAll(followers.Select(follower => follower.Settled)).WaitAsync(cancellationToken);
        await secrets.Settle().WaitAsync(cancellationToken);
        await events.WriteAsync(new ResourceEvent.Synced(), cancellationToken);
    }

    private IEnumerable<CollectionFollower> Followers(Func<ResourceEvent, ValueTask> tell, SemaphoreSlim turn)
    {
        // Secrets are followed one by one, as Gateways name them.
        foreach (ObjectKind kind in KindsOf(_options.Role).Where(kind => kind != ObjectKind.Secret))
        {
            if (kind == ObjectKind.Pod && !_options.FullPods && _options.Role != MeshRole.Controller)
            {
                foreach (CollectionFollower pods in Pods(tell, turn))
                    yield return pods;
            }
            else
            {
                yield return new ObjectFollower(
                    new ResourceWatch(_client, async stop => (await _served.Find(kind, stop)).All(), _options.Watching),
                    kind,
                    $"kubernetes/{ApiResource.Of(kind).FullName}",
                    tell,
                    _logger)
                {
                    TellsStatus = _options.Role == MeshRole.Controller && WithStatus.Contains(kind),
                };
            }
        }
    }

    private IEnumerable<CollectionFollower> Pods(Func<ResourceEvent, ValueTask> tell, SemaphoreSlim turn)
    {
        const string Selector = "fieldSelector", All = "kubernetes/pods";
        var merge = new PodMerge();
        ApiPath others = ApiResource.Pods.All();
        string name = All;
        if (_options.Node is { } node)
        {
            yield return new OwnPodFollower(Plain(others.With(Selector, $"spec.nodeName={node}")), $"{All} of {node}", merge, turn, tell, _logger);
            others = others.With(Selector, $"spec.nodeName!={node}");
            name = $"{All} of other nodes";
        }

        if (_options.Pod is { } pod)
            yield return new OwnPodFollower(Plain(ApiResource.Pods.In(pod.Namespace).With(Selector, $"metadata.name={pod.Name}")), $"{All}/{pod.Name}", merge, turn, tell, _logger);
        var table = new ResourceWatch(_client, others, _options.Watching with { AsTable = true });
        yield return new TrimmedPodFollower(table, name, merge, turn, tell, _logger);
    }

    private ResourceWatch Plain(ApiPath path) => new(_client, path, _options.Watching);
}

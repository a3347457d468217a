using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Keeps the statuses of objects saying what the <see cref="StatusBoard"/> works out. Writes nothing that is there already; writes
/// again what somebody wiped.
/// </summary>
internal sealed partial class StatusWriter
{
    // What changes together, such as the pods of a rollout, is written once.
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(200);

    // How often everything is gone through that a change of a waypoint, class or namespace may have a bearing on.
    private static readonly TimeSpan SweepEvery = TimeSpan.FromSeconds(2);

    private const int Writers = 4;
    private const int Tries = 5;

    private readonly ApiClient _client;
    private readonly StatusBoard _board;
    private readonly KnownObjects _objects;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkQueue<ObjectKey> _queue;
    private readonly WorkQueue<string> _sweeps;
    private readonly Dictionary<ObjectKind, LiveCollection<LiveStatus>> _live;

    public StatusWriter(ApiClient client, StatusBoard board, KnownObjects objects, IEnumerable<ObjectKind> kinds, TimeProvider time, ILogger logger)
    {
        (_client, _board, _objects, _time, _logger) = (client, board, objects, time, logger);
        _queue = new WorkQueue<ObjectKey>(time, logger);
        _sweeps = new WorkQueue<string>(time, logger);
        _live = kinds.ToDictionary(
            kind => kind, kind => new LiveCollection<LiveStatus>(ResourceWatch.Of(client, kind), static @object => LiveStatus.Of(@object), logger));
        foreach ((ObjectKind kind, LiveCollection<LiveStatus> live) in _live)
            live.Changed += name => Due(new ObjectKey(kind, name.Namespace, name.Name));
        objects.Changed += Follow;
    }

    /// <summary>Completes when the statuses there were at the start are known.</summary>
    public Task Synced => Task.WhenAll(_live.Values.Select(live => live.Synced));

    /// <summary>Asks for a status to be looked at.</summary>
    public void Due(ObjectKey key)
    {
        if (_live.ContainsKey(key.Kind))
            _queue.Add(key, Coalesce);
    }

    /// <summary>Follows the statuses there are until cancelled.</summary>
    public Task Watch(CancellationToken cancellationToken) => Task.WhenAll(_live.Values.Select(live => live.Run(cancellationToken)));

    /// <summary>Writes, beginning with everything, until cancelled.</summary>
    public async Task Write(CancellationToken cancellationToken)
    {
        _queue.Clear();
        _sweeps.Clear();
        foreach ((ObjectKind kind, LiveCollection<LiveStatus> live) in _live)
        {
            foreach ((ObjectName name, _) in live.All)
                _queue.Add(new ObjectKey(kind, name.Namespace, name.Name));
        }

        await Task.WhenAll(
            _queue.Run(Writers, Settle, cancellationToken),
            _sweeps.Run(1, (_, _) => Sweep(), cancellationToken));
    }

    private void Follow(ObjectKey key)
    {
        Due(key);
        // Whom a waypoint takes depends on all of these, and on who is behind them.
        if (key.Kind == ObjectKind.Gateway || key.Kind == ObjectKind.GatewayClass || key.Kind == ObjectKind.Namespace
            || key.Kind == ObjectKind.EndpointSlice || key.Kind == ObjectKind.Service || key.Kind == ObjectKind.ServiceEntry || key.Kind == ObjectKind.Pod)
        {
            _sweeps.Add("", SweepEvery);
        }
    }

    /// <summary>Finds the bindings and policies whose statuses are not true any more.</summary>
    private Task Sweep()
    {
        IEnumerable<KubernetesObject> concerned =
        [
            .. _objects.Of<ServiceObject>(), .. _objects.Of<ServiceEntryObject>(), .. _objects.Of<AuthorizationPolicyObject>(), .. _objects.Of<RequestAuthenticationObject>(),
        ];
        foreach (KubernetesObject @object in concerned)
        {
            if (Find(@object.Key) is { } live && Difference(@object.Key, live) is not null)
                _queue.Add(@object.Key);
        }

        return Task.CompletedTask;
    }

    private LiveStatus? Find(ObjectKey key) => _live.GetValueOrDefault(key.Kind)?.Find(new ObjectName(key.Namespace, key.Name));

    private JsonObject? Difference(ObjectKey key, LiveStatus live) =>
        _board.Wanted(key) is { } wanted ? StatusMerge.Merge(wanted, live.Read(), _time.GetUtcNow()) : null;

    /// <summary>Brings one status up to date.</summary>
    private async Task Settle(ObjectKey key, CancellationToken cancellationToken)
    {
        LiveCollection<LiveStatus> collection = _live[key.Kind];
        if (Find(key) is not { } known)
            return;
        LiveStatus live = known;
        ApiPath path = collection.Resource.Named(key.Namespace, key.Name);
        for (int tried = 1; Difference(key, live) is { } changed; tried++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var patch = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = live.Version }, ["status"] = changed };
            try
            {
                JsonNode written = await _client.MergePatch(path.Status, patch, cancellationToken);
                collection.Learn(new ObjectName(key.Namespace, key.Name), known, LiveStatus.Of(written));
                LogWritten(key);
                return;
            }
            catch (ApiException error) when (error.IsNotFound)
            {
                return;
            }
            catch (ApiException error) when (error.IsConflict && tried < Tries)
            {
                // Somebody else has written meanwhile: ours is put into what they left.
                try
                {
                    live = LiveStatus.Of(await _client.Get(path, cancellationToken));
                }
                catch (ApiException gone) when (gone.IsNotFound)
                {
                    return;
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Object}: status written")]
    private partial void LogWritten(ObjectKey @object);
}

using System.Collections.Concurrent;
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
    private readonly ServedStatuses _served;
    private readonly WrittenStatuses _written;
    private readonly ConcurrentDictionary<ObjectKind, bool> _losing = new();
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly WorkQueue<ObjectKey> _queue;
    private readonly WorkQueue<string> _sweeps;

    public StatusWriter(ApiClient client, StatusBoard board, KnownObjects objects, ServedStatuses served, TimeProvider time, ILogger logger)
    {
        (_client, _board, _objects, _served, _time, _logger) = (client, board, objects, served, time, logger);
        _written = new WrittenStatuses(time);
        _queue = new WorkQueue<ObjectKey>(time, logger);
        _sweeps = new WorkQueue<string>(time, logger);
        served.Changed += Due;
        objects.Changed += Follow;
    }

    /// <summary>Asks for a status to be looked at.</summary>
    public void Due(ObjectKey key)
    {
        if (_served.Find(key) is not null)
            _queue.Add(key, Coalesce);
        else
            _written.Forget(key);
    }

    /// <summary>Writes, beginning with everything, until cancelled.</summary>
    public async Task Write(CancellationToken cancellationToken)
    {
        _queue.Clear();
        _sweeps.Clear();
        _written.Clear();
        foreach (ObjectKey key in _served.Objects)
            _queue.Add(key);

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
            if (_served.Find(@object.Key) is { } served && Difference(@object.Key, served) is not null)
                _queue.Add(@object.Key);
        }

        return Task.CompletedTask;
    }

    private (GatewayApiStatus Wanted, JsonObject Changed)? Difference(ObjectKey key, ServedStatus served) =>
        _board.Wanted(key) is { } wanted && StatusMerge.Merge(wanted, served, _time.GetUtcNow()) is { } changed ? (wanted, changed) : null;

    /// <summary>Brings one status up to date.</summary>
    private async Task Settle(ObjectKey key, CancellationToken cancellationToken)
    {
        if (_served.Find(key) is not { } known)
            return;
        ServedStatus served = known;
        ApiPath path = ApiResource.Of(key.Kind, known.ServedVersion).Named(key.Namespace, key.Name);
        for (int tried = 1; Difference(key, served) is var (wanted, changed); tried++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TimeSpan wait = _written.Wait(wanted, changed, served);
            if (wait > TimeSpan.Zero)
                _queue.Add(key, wait);
            if (wait != TimeSpan.Zero)
                return;
            var patch = new JsonObject { ["metadata"] = new JsonObject { ["resourceVersion"] = served.Version }, ["status"] = changed };
            try
            {
                JsonNode written = await _client.MergePatch(path.Status, patch, cancellationToken);
                var left = ServedStatus.Of(written, known.ServedVersion);
                _served.Learn(key, known, left);
                Note(wanted, changed, left);
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
                    served = ServedStatus.Of(await _client.Get(path, cancellationToken), known.ServedVersion);
                }
                catch (ApiException gone) when (gone.IsNotFound)
                {
                    return;
                }
            }
        }
    }

    /// <summary>Notes what was written, and what the server made of it.</summary>
    private void Note(GatewayApiStatus wanted, JsonObject changed, ServedStatus left)
    {
        LogWritten(wanted.Object);
        bool kept = StatusMerge.Merge(wanted, left, _time.GetUtcNow()) is null;
        JsonObject? there = left.Read();
        _written.Note(wanted, kept ? null : new JsonObject(changed.Select(field => KeyValuePair.Create(field.Key, there?[field.Key]?.DeepClone()))));
        if (!kept && _losing.TryAdd(wanted.Object.Kind, true))
            LogNotKept(wanted.Object);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Object}: the server keeps only part of the status that is written, as by an older definition of the kind; it is left at that, as with others of the kind")]
    private partial void LogNotKept(ObjectKey @object);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Object}: status written")]
    private partial void LogWritten(ObjectKey @object);
}

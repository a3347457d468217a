using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>Makes of one collection's changes those of a source: reads the objects, keeps the last good version, says what is wrong.</summary>
internal abstract partial class CollectionFollower(ResourceWatch watch, ObjectKind kind, string name, Func<ResourceEvent, ValueTask> tell, ILogger logger)
{
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _synced;

    // Whether these are policies, and were forbidden when the server last said whether they may be read.
    private bool _barred;

    /// <summary>Completes when all of it has been told, or it has turned out that there is nothing to be told for now.</summary>
    public Task Settled => _settled.Task;

    /// <summary>Completes when all of it has been told.</summary>
    public Task Known => _known.Task;

    /// <summary>What events and messages name as the place.</summary>
    protected Origin Origin { get; } = new(name, 0);

    protected ResourceWatch Watch => watch;

    protected CollectionReport State { get; } = new(name, watch.Time);

    // Before all of it has been told only what keeps that from happening is worth a report.
    private bool Reports => _synced || State.Fault is not null;

    /// <summary>Follows it until cancelled.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<WatchEvent> events = watch.Run(cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await Next(events, cancellationToken))
        {
            WatchEvent told = events.Current;
            switch (told)
            {
                case WatchEvent.Put put:
                    await Put(put, new ObjectKey(kind, put.Namespace, put.Name));
                    break;
                case WatchEvent.Remove gone:
                    await Remove(new ObjectKey(kind, gone.Namespace, gone.Name));
                    break;
                case WatchEvent.Synced:
                    (_synced, _barred, State.Fault) = (true, false, null);
                    break;
                case WatchEvent.Unavailable { Error: var error }:
                    Miss(error);
                    break;
            }

            await Report();
            if (told is not WatchEvent.Synced)
                continue;
            _settled.TrySetResult();
            _known.TrySetResult();
        }
    }

    /// <summary>An object is there or changed.</summary>
    protected abstract ValueTask Put(WatchEvent.Put put, ObjectKey key);

    /// <summary>An object is gone.</summary>
    protected abstract ValueTask Remove(ObjectKey key);

    protected ValueTask Tell(ResourceEvent @event) => tell(@event);

    /// <summary>Reads an object; what goes wrong with that is the object's own misfortune.</summary>
    protected JsonReading Read(ObjectKey key, JsonElement json)
    {
        try
        {
            return ObjectJson.Read(kind, json, name);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            LogFault(error, key);
            return Unread(key, $"could not be read: {error.Message}");
        }
    }

    protected JsonReading Unread(ObjectKey key, string why) =>
        new() { Key = key, Problems = [new ResourceProblem { Source = name, Object = key.ToString(), Message = why }] };

    /// <summary>Waits for the next event; what is to be reported meanwhile is told when its time has come.</summary>
    private async ValueTask<bool> Next(IAsyncEnumerator<WatchEvent> events, CancellationToken cancellationToken)
    {
        ValueTask<bool> next = events.MoveNextAsync();
        if (next.IsCompleted || !Reports || State.Due(watch.Count) is null)
            return await next;
        Task<bool> coming = next.AsTask();
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            while (!coming.IsCompleted && !cancellationToken.IsCancellationRequested && State.Due(watch.Count) is { } wait)
            {
                if (wait > TimeSpan.Zero)
                    await Task.WhenAny(coming, Task.Delay(wait, watch.Time, waiting.Token));
                else
                    await Report();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // As what is coming is cancelled too.
        }

        await waiting.CancelAsync();
        return await coming;
    }

    private async ValueTask Report()
    {
        if (Reports && State.Due(watch.Count) == TimeSpan.Zero && State.Next(watch.Count) is { } report)
            await tell(new ResourceEvent.Report(report));
    }

    private void Miss(IOException error)
    {
        var answer = error as ApiException;
        bool missing = answer is { IsNotFound: true }, forbidden = answer is { IsForbidden: true };
        // Without these, what they keep out would come in, so nothing is served rather than everything. What says neither that
        // they may be read nor that there are none changes nothing of that.
        _barred = !missing && (_barred || (forbidden && ObjectJson.IsPolicy(kind)));
        string message = missing
            ? "the server does not have this kind; it is waited for"
            : _barred
                ? $"may not be read, and without policies traffic would be let in that they refuse, so this agent {(_settled.Task.IsCompleted ? "is not ready any more" : "does not become ready")}: {error.Message}"
                : forbidden
                    ? $"may not be read: {error.Message}"
                    : $"cannot be read at present{(_synced ? ", and what was read before stays" : "")}: {error.Message}";
        State.Fault = new ResourceProblem { Source = name, Message = message, IsRemark = missing, KeepsFromServing = _barred };
        if (missing || (forbidden && !_barred))
            _settled.TrySetResult();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Key} could not be read")]
    private partial void LogFault(Exception error, ObjectKey key);
}

/// <summary>Follows a collection whose objects are read in full.</summary>
internal class ObjectFollower(ResourceWatch watch, ObjectKind kind, string name, Func<ResourceEvent, ValueTask> tell, ILogger logger)
    : CollectionFollower(watch, kind, name, tell, logger)
{
    /// <summary>Whether the objects' statuses are told too.</summary>
    public bool TellsStatus { get; init; }

    protected override async ValueTask Put(WatchEvent.Put put, ObjectKey key)
    {
        if (TellsStatus)
            await Tell(new ResourceEvent.Status(key, ServedStatus.Of(put.Object, Watch.Resource.Version)));
        JsonReading reading = Read(key, put.Object);
        if (State.Take(key, reading))
            await Tell(reading.Object!);
    }

    protected override ValueTask Remove(ObjectKey key)
    {
        State.Remove(key);
        return Tell(new ResourceEvent.Remove(key));
    }

    protected virtual ValueTask Tell(KubernetesObject @object) => Tell(new ResourceEvent.Put(@object, Origin));
}

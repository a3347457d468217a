using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// A collection of the API as it is now, of each object what <paramref name="read"/> makes of it. One that cannot be read is as it
/// was. Safe from any thread.
/// </summary>
/// <param name="watch">What follows it.</param>
/// <param name="read">Takes what is needed of an object, which it may not keep; null is as good as not there.</param>
/// <param name="logger">Where it is told that the collection cannot be read.</param>
internal sealed partial class LiveCollection<T>(ResourceWatch watch, Func<JsonElement, T?> read, ILogger logger)
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectName, T> _objects = [];
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>An object has come, changed or gone.</summary>
    public Action<ObjectName>? Changed { get; set; }

    /// <summary>Whether it can be read has become another, or why not.</summary>
    public Action? AvailabilityChanged { get; set; }

    /// <summary>Completes when everything there was at the start is here, or there is no such kind, or the server refuses to give it.</summary>
    public Task Synced => _synced.Task;

    /// <summary>Why the server refuses to give it; null where it does not, or where there is no such kind.</summary>
    public string? Fault { get; private set; }

    /// <summary>Everything there is.</summary>
    public KeyValuePair<ObjectName, T>[] All
    {
        get
        {
            lock (_lock)
                return [.. _objects];
        }
    }

    /// <summary>An object; null where there is none.</summary>
    public T? Find(ObjectName name)
    {
        lock (_lock)
            return _objects.GetValueOrDefault(name);
    }

    /// <summary>
    /// Takes what a write made of an object, before the server tells of it; unless it has told anything since
    /// <paramref name="before"/> was found here, which may be newer than that.
    /// </summary>
    public void Learn(ObjectName name, T? before, T value)
    {
        lock (_lock)
        {
            if (before is not null && ReferenceEquals(_objects.GetValueOrDefault(name), before))
                _objects[name] = value;
        }
    }

    /// <summary>Follows the collection until cancelled.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        await foreach (WatchEvent told in watch.Run(cancellationToken))
        {
            switch (told)
            {
                case WatchEvent.Put put:
                    Put(new ObjectName(put.Namespace, put.Name), put.Object);
                    break;
                case WatchEvent.Remove gone:
                    Set(new ObjectName(gone.Namespace, gone.Name), null);
                    break;
                case WatchEvent.Synced:
                    Know(fault: null);
                    break;
                case WatchEvent.Unavailable { Error: ApiException { IsNotFound: true } }:
                    // A kind that is not there is nothing to be told: its objects are waited for.
                    Know(fault: null);
                    break;
                case WatchEvent.Unavailable { Error: ApiException error } when IsRefusal(error):
                    LogUnavailable(error.Message);
                    Know(error.Message);
                    break;
                case WatchEvent.Unavailable unavailable:
                    LogUnavailable(unavailable.Error.Message);
                    break;
            }
        }
    }

    /// <summary>Whether asking again is of no use until somebody changes something.</summary>
    private static bool IsRefusal(ApiException error) =>
        error.IsForbidden || error.Code is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity;

    private void Know(string? fault)
    {
        Fault = fault;
        _synced.TrySetResult();
        AvailabilityChanged?.Invoke();
    }

    private void Put(ObjectName name, JsonElement value)
    {
        T? kept;
        try
        {
            kept = read(value);
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
        {
            LogUnreadable(watch.Resource.Kind, name, error.Message);
            return;
        }

        Set(name, kept);
    }

    private void Set(ObjectName name, T? value)
    {
        lock (_lock)
        {
            if (value is null)
                _objects.Remove(name);
            else
                _objects[name] = value;
        }

        Changed?.Invoke(name);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "what is to be kept true cannot be read at present: {Reason}")]
    private partial void LogUnavailable(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} {Object} is not understood: {Reason}")]
    private partial void LogUnreadable(string kind, ObjectName @object, string reason);
}

/// <summary>What names an object of one kind.</summary>
/// <param name="Namespace">Its namespace; empty for kinds without.</param>
/// <param name="Name">Its name.</param>
internal readonly record struct ObjectName(string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}

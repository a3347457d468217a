using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// What the API server has of some kinds, kept by watches. What a stand-in writes is put here at once, so that it does not act
/// twice on what it has not been told yet.
/// </summary>
public sealed class ClusterCache : IAsyncDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(100);
    private readonly ClusterApi _api;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<ClusterKind, ConcurrentDictionary<string, ClusterObject>> _objects = [];
    private readonly ConcurrentDictionary<string, bool> _gone = new(StringComparer.Ordinal);
    private readonly Task[] _watches;
    private ImmutableArray<ChannelWriter<bool>> _listeners = [];

    public ClusterCache(ClusterApi api, params ImmutableArray<ClusterKind> kinds)
    {
        _api = api;
        _watches = [.. kinds.Select(kind => Task.Run(() => Follow(kind, Of(kind), _stop.Token)))];
    }

    /// <summary>All objects of a kind that are known.</summary>
    public IEnumerable<ClusterObject> All(ClusterKind kind) => Of(kind).Values;

    public ClusterObject? Find(ClusterKind kind, string @namespace, string name) => Of(kind).GetValueOrDefault($"{@namespace}/{name}");

    /// <summary>Gives a value whenever something has changed since the last.</summary>
    public ChannelReader<bool> Listen()
    {
        var channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        ImmutableInterlocked.Update(ref _listeners, (all, added) => all.Add(added), channel.Writer);
        channel.Writer.TryWrite(true);
        return channel.Reader;
    }

    /// <summary>Notes what the server answered to a write.</summary>
    public void Put(ClusterKind kind, JsonObject written) => Put(Of(kind), new ClusterObject(written));

    /// <summary>Notes that an object was deleted for good.</summary>
    public void Remove(ClusterKind kind, ClusterObject removed) => Forget(Of(kind), removed);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_watches);
        _stop.Dispose();
    }

    private ConcurrentDictionary<string, ClusterObject> Of(ClusterKind kind) => _objects.GetOrAdd(kind, _ => new(StringComparer.Ordinal));

    private async Task Follow(ClusterKind kind, ConcurrentDictionary<string, ClusterObject> objects, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                JsonObject list = await _api.Get(kind.All(), cancellationToken);
                string version = ClusterObject.Text(list["metadata"]!["resourceVersion"]);
                Replace(objects, list["items"]!.AsArray().Select(item => new ClusterObject(item!.AsObject())), long.Parse(version, CultureInfo.InvariantCulture));
                await foreach ((string type, JsonObject json) in _api.Watch(kind.All(), version, cancellationToken))
                {
                    if (type == "ERROR")
                        break;
                    if (type == "DELETED")
                        Forget(objects, new ClusterObject(json));
                    else if (type is "ADDED" or "MODIFIED")
                        Put(objects, new ClusterObject(json));
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException or ClusterApiException or JsonException or OperationCanceledException)
            {
                // The server is away, or has no such kind yet.
            }

            await Task.Delay(Retry, cancellationToken).ContinueWith(static _ => { }, TaskScheduler.Default);
        }
    }

    private void Replace(ConcurrentDictionary<string, ClusterObject> objects, IEnumerable<ClusterObject> listed, long version)
    {
        Dictionary<string, ClusterObject> now = listed.ToDictionary(each => each.Key, StringComparer.Ordinal);
        foreach (ClusterObject old in objects.Values.Where(old => !now.ContainsKey(old.Key) && old.Version <= version))
            Forget(objects, old);
        foreach (ClusterObject each in now.Values)
            Put(objects, each);
    }

    private void Put(ConcurrentDictionary<string, ClusterObject> objects, ClusterObject value)
    {
        if (_gone.ContainsKey(value.Uid))
            return;
        objects.AddOrUpdate(value.Key, value, (_, old) => old.Version > value.Version ? old : value);
        Tell();
    }

    private void Forget(ConcurrentDictionary<string, ClusterObject> objects, ClusterObject value)
    {
        _gone[value.Uid] = true;
        if (objects.TryGetValue(value.Key, out ClusterObject? known) && known.Uid == value.Uid)
            objects.TryRemove(new(value.Key, known));
        Tell();
    }

    private void Tell()
    {
        foreach (ChannelWriter<bool> listener in _listeners)
            listener.TryWrite(true);
    }
}

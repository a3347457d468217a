using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>
/// The ConfigMaps of parameters: those of classes, and those that Gateways refer to, each followed for as long as one does. Not all
/// there are, which may be many and large.
/// </summary>
internal sealed class ParameterMaps
{
    private readonly ApiClient _client;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly LiveCollection<ClassDefaults> _classes;
    private readonly Dictionary<GatewayName, ObjectName> _wanted = [];
    private readonly Dictionary<ObjectName, Followed> _followed = [];
    private CancellationToken _stop = new(canceled: true);

    public ParameterMaps(ApiClient client, string systemNamespace, ILogger logger)
    {
        (_client, _logger) = (client, logger);
        _classes = new LiveCollection<ClassDefaults>(
            new ResourceWatch(client, ApiResource.ConfigMaps.In(systemNamespace).With("labelSelector", GatewayLabels.DefaultsForClass)), ClassDefaults.Of, logger);
        _classes.Changed += _ => Changed?.Invoke(null);
    }

    /// <summary>A ConfigMap has changed, or is known by now; null is one that is about classes.</summary>
    public Action<ObjectName?>? Changed { get; set; }

    /// <summary>Completes when those of classes are known.</summary>
    public Task Synced => _classes.Synced;

    /// <summary>What is set for a class; the oldest counts. Null for nothing.</summary>
    public ParametersMap? OfClass(string @class) => _classes.All.Select(entry => entry.Value)
        .Where(defaults => defaults.Class == @class)
        .OrderBy(defaults => defaults.Created)
        .ThenBy(defaults => defaults.Map.Name, StringComparer.Ordinal)
        .FirstOrDefault()?.Map;

    /// <summary>A ConfigMap that a Gateway wants; null where it is not there.</summary>
    public ParametersMap? Find(ObjectName name)
    {
        lock (_lock)
            return _followed.GetValueOrDefault(name)?.Maps.Find(name);
    }

    /// <summary>Why a ConfigMap that a Gateway wants is not given to us; null where it is, or there is none.</summary>
    public string? FaultOf(ObjectName name)
    {
        lock (_lock)
            return _followed.GetValueOrDefault(name)?.Maps.Fault;
    }

    /// <summary>Follows those of classes, and those that are wanted meanwhile, until cancelled.</summary>
    public Task Run(CancellationToken cancellationToken)
    {
        lock (_lock)
            _stop = cancellationToken;
        return _classes.Run(cancellationToken);
    }

    /// <summary>
    /// Has a ConfigMap followed for a Gateway. Returns whether it is known; where it is not yet, <see cref="Changed"/> tells when it is.
    /// </summary>
    public bool Want(GatewayName gateway, ObjectName map)
    {
        lock (_lock)
        {
            if (_wanted.TryGetValue(gateway, out ObjectName before) && before != map)
                Leave(gateway);
            _wanted[gateway] = map;
            if (!_followed.TryGetValue(map, out Followed? followed))
                _followed.Add(map, followed = Follow(map));
            return followed.Maps.Synced.IsCompleted;
        }
    }

    /// <summary>A Gateway wants none any more.</summary>
    public void Leave(GatewayName gateway)
    {
        lock (_lock)
        {
            if (!_wanted.Remove(gateway, out ObjectName map) || _wanted.ContainsValue(map) || !_followed.Remove(map, out Followed? followed))
                return;
            if (!_stop.IsCancellationRequested)
                followed.Stop.Cancel();
        }
    }

    /// <summary>No Gateway wants one any more.</summary>
    public void LeaveAll()
    {
        lock (_lock)
        {
            foreach (GatewayName gateway in _wanted.Keys.ToArray())
                Leave(gateway);
        }
    }

    private Followed Follow(ObjectName name)
    {
        ApiPath path = ApiResource.ConfigMaps.In(name.Namespace).With("fieldSelector", $"metadata.name={name.Name}");
        var maps = new LiveCollection<ParametersMap>(new ResourceWatch(_client, path), Read, _logger);
        maps.Changed += changed => Changed?.Invoke(changed);
        maps.AvailabilityChanged += () => Changed?.Invoke(name);
        var stop = CancellationTokenSource.CreateLinkedTokenSource(_stop);
        _ = Serve(maps, stop);
        return new Followed(maps, stop);
    }

    private async Task Serve(LiveCollection<ParametersMap> maps, CancellationTokenSource stop)
    {
        await Task.Run(() => maps.Run(stop.Token), CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!_stop.IsCancellationRequested)
            stop.Dispose();
    }

    private static ParametersMap Read(JsonElement map)
    {
        JsonElement metadata = map.GetProperty("metadata");
        IEnumerable<KeyValuePair<string, string>> data = map.TryGetProperty("data", out JsonElement fields) && fields.ValueKind == JsonValueKind.Object
            ? [.. fields.EnumerateObject().Select(field => KeyValuePair.Create(field.Name, field.Value.GetString() ?? ""))]
            : [];
        return new ParametersMap(metadata.GetProperty("namespace").GetString() ?? "", metadata.GetProperty("name").GetString() ?? "", new StringMap(data));
    }

    /// <summary>A ConfigMap that is followed.</summary>
    private sealed record Followed(LiveCollection<ParametersMap> Maps, CancellationTokenSource Stop);

    /// <summary>Parameters for a class.</summary>
    private sealed record ClassDefaults(string Class, DateTimeOffset Created, ParametersMap Map)
    {
        public static ClassDefaults? Of(JsonElement map)
        {
            JsonElement metadata = map.GetProperty("metadata");
            return metadata.TryGetProperty("labels", out JsonElement labels) && labels.TryGetProperty(GatewayLabels.DefaultsForClass, out JsonElement @class)
                ? new ClassDefaults(@class.GetString() ?? "", metadata.GetProperty("creationTimestamp").GetDateTimeOffset(), Read(map))
                : null;
        }
    }
}

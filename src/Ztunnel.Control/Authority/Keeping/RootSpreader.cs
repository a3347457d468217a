using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// Keeps the ConfigMap <c>istio-ca-root-cert</c>, from which pods mount the mesh's roots, in every namespace that needs it. One that
/// somebody else has put there is left alone; one of ours is mended, also where it is not needed any more, as somebody may still
/// mount it.
/// </summary>
internal sealed partial class RootSpreader(ApiClient api, TrustNamespaces namespaces, ILogger logger)
{
    public const string Name = "istio-ca-root-cert";

    /// <summary>The key in it.</summary>
    public const string FileName = "root-cert.pem";

    private const string Label = "app.kubernetes.io/managed-by";
    private const string LabelValue = "ztunnel";

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _warned = new(StringComparer.Ordinal);
    private volatile bool _synced;

    /// <summary>Follows the ConfigMaps until cancelled, calling <paramref name="changed"/> after each change.</summary>
    public async Task Follow(Action changed, CancellationToken cancellationToken)
    {
        _synced = false;
        _known.Clear();
        var watch = new ResourceWatch(api, ApiResource.ConfigMaps.All().With("fieldSelector", $"metadata.name={Name}"));
        await foreach (WatchEvent told in watch.Run(cancellationToken))
        {
            switch (told)
            {
                case WatchEvent.Put put:
                    _known[put.Namespace] = Read(put.Object);
                    break;
                case WatchEvent.Remove gone:
                    _known.TryRemove(gone.Namespace, out _);
                    break;
                case WatchEvent.Synced:
                    _synced = true;
                    break;
                case WatchEvent.Unavailable unavailable:
                    LogNotFollowed(unavailable.Error.Message);
                    continue;
                default:
                    continue;
            }

            changed();
        }
    }

    /// <summary>
    /// Brings <paramref name="bundle"/> to where it is missing or another; says whether every namespace that needs it was seen to have
    /// it.
    /// </summary>
    public async Task<bool> Spread(string bundle, CancellationToken cancellationToken)
    {
        if (!_synced || !namespaces.Synced)
            return false;
        bool complete = true;
        foreach (string ns in namespaces.Current().Concat(_known.Keys).Distinct(StringComparer.Ordinal).ToList())
            complete &= await Keep(ns, bundle, cancellationToken);
        return complete;
    }

    private async Task<bool> Keep(string ns, string bundle, CancellationToken cancellationToken)
    {
        try
        {
            if (!_known.TryGetValue(ns, out Known? there))
            {
                await api.Create(ApiResource.ConfigMaps.In(ns), New(ns, bundle), cancellationToken);
                return false;
            }

            if (string.Equals(there.Roots, bundle, StringComparison.Ordinal))
                return true;
            if (!there.IsOurs)
            {
                if (!string.Equals(_warned.GetValueOrDefault(ns), there.Roots, StringComparison.Ordinal))
                    LogForeign(ns);
                _warned[ns] = there.Roots;
                return true;
            }

            await api.MergePatch(ApiResource.ConfigMaps.Named(ns, Name), new JsonObject { ["data"] = new JsonObject { [FileName] = bundle } }, cancellationToken);
            return false;
        }
        catch (ApiException e) when (e.IsConflict || e.IsNotFound)
        {
            // Somebody was quicker, or it went: the watch is about to tell.
            return false;
        }
        catch (Exception e) when (e is ApiException or ApiAccessException)
        {
            LogNotKept(ns, e.Message);
            return false;
        }
    }

    private static Known Read(JsonElement map)
    {
        string label = Text(map, "metadata", "labels", Label);
        return new Known(Text(map, "data", FileName), string.Equals(label, LabelValue, StringComparison.Ordinal));
    }

    private static string Text(JsonElement from, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
        {
            if (from.ValueKind != JsonValueKind.Object || !from.TryGetProperty(name, out from))
                return "";
        }

        return from.ValueKind == JsonValueKind.String ? from.GetString()! : "";
    }

    private static JsonObject New(string ns, string bundle) => new()
    {
        ["apiVersion"] = "v1",
        ["kind"] = "ConfigMap",
        ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = ns, ["labels"] = new JsonObject { [Label] = LabelValue } },
        ["data"] = new JsonObject { [FileName] = bundle },
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "ConfigMaps " + Name + " cannot be followed: {Why}")]
    private partial void LogNotFollowed(string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "ConfigMap {Namespace}/" + Name + " cannot be kept: {Why}")]
    private partial void LogNotKept(string @namespace, string why);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "ConfigMap {Namespace}/" + Name + " has other roots and is somebody else's (no label " + Label + "=" + LabelValue + "): left as it is")]
    private partial void LogForeign(string @namespace);

    private sealed record Known(string Roots, bool IsOurs);
}

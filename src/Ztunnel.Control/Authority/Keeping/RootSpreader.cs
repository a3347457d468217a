using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;

namespace Ztunnel.Control;

/// <summary>
/// Keeps the ConfigMap <c>istio-ca-root-cert</c>, from which pods mount the mesh's roots, in every namespace that needs it. One that
/// somebody else has put there is left alone; one of ours is mended, also where it is not needed any more, as somebody may still
/// mount it.
/// </summary>
/// <param name="api">The API server.</param>
/// <param name="namespaces">Where they are needed.</param>
/// <param name="events">Where it is told to its owner that somebody else's lacks a root; null for nowhere.</param>
/// <param name="logger">Gets what cannot be kept.</param>
internal sealed partial class RootSpreader(ApiClient api, TrustNamespaces namespaces, EventRecorder? events, ILogger logger)
{
    public const string Name = "istio-ca-root-cert";

    /// <summary>The key in it.</summary>
    public const string FileName = SigningFiles.RootName;

    private const string Label = "app.kubernetes.io/managed-by";
    private const string LabelValue = "ztunnel";

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _warned = new(StringComparer.Ordinal);
    private volatile bool _synced;
    private volatile string? _fault;

    /// <summary>What keeps roots from pods that go by them, and so another key from signing; null for nothing.</summary>
    public string? Fault => _fault;

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
    /// Brings the roots to where they are missing or others; says whether every namespace whose pods go by them was seen to have them.
    /// What stands in the way elsewhere is reported and holds nothing up, and where there are Gateways only while
    /// <paramref name="patient"/>: whoever owns a namespace could do so for ever.
    /// </summary>
    public async Task<bool> Spread(AuthorityRecord record, bool patient, CancellationToken cancellationToken)
    {
        if (!_synced || !namespaces.Synced)
            return false;
        bool complete = true;
        var left = new List<string>();
        string? first = null;
        IReadOnlyDictionary<string, RootNeed> needing = namespaces.Current();
        foreach (string ns in needing.Keys.Concat(_known.Keys).Distinct(StringComparer.Ordinal).OrderByDescending(ns => needing.GetValueOrDefault(ns)).ToList())
        {
            (bool spread, string? fault) = await Keep(ns, record, cancellationToken);
            Report(ns, fault);
            RootNeed need = needing.GetValueOrDefault(ns);
            if (need < RootNeed.Gateways)
                continue;
            first ??= fault;
            if (spread)
                continue;
            if (need == RootNeed.System || patient)
                complete = false;
            else
                left.Add(ns);
        }

        _fault = first;
        if (complete && left.Count > 0 && !record.IsConfirmed)
            LogLeft(string.Join(", ", left));
        return complete;
    }

    /// <summary>Forgets what stood in the way: another leads.</summary>
    public void Rest() => _fault = null;

    /// <summary>Whether a namespace has the roots, and why it cannot get them.</summary>
    private async Task<(bool Spread, string? Fault)> Keep(string ns, AuthorityRecord record, CancellationToken cancellationToken)
    {
        string bundle = record.Bundle;
        try
        {
            if (!_known.TryGetValue(ns, out Known? there))
            {
                await api.Create(ApiResource.ConfigMaps.In(ns), New(ns, bundle), cancellationToken);
                return (false, null);
            }

            if (string.Equals(there.Roots, bundle, StringComparison.Ordinal))
                return (true, null);
            if (!there.IsOurs)
                return Has(there, record) ? (true, null) : (false, Foreign(ns));
            await api.MergePatch(ApiResource.ConfigMaps.Named(ns, Name), new JsonObject { ["data"] = new JsonObject { [FileName] = bundle } }, cancellationToken);
            return (false, null);
        }
        catch (ApiException e) when (e.IsConflict || e.IsNotFound)
        {
            // Somebody was quicker, or it went: the watch is about to tell.
            return (false, null);
        }
        catch (Exception e) when (e is ApiException or ApiAccessException)
        {
            return (false, $"ConfigMap {ns}/{Name} cannot be kept: {e.Message}");
        }
    }

    /// <summary>Whether somebody else's has all roots that are of use: those on their way out it may lack.</summary>
    private static bool Has(Known there, AuthorityRecord record) =>
        record.Roots.Where(root => root.Until is null).All(root => Squeezed(there.Roots).Contains(Squeezed(TrustedRoot.Pem(root.Certificate)), StringComparison.Ordinal));

    // However its lines are broken.
    private static string Squeezed(string pem) => string.Concat(pem.Where(character => !char.IsWhiteSpace(character)));

    private static string Foreign(string ns) =>
        $"ConfigMap {ns}/{Name} has other roots and is somebody else's: it is left as it is; to have it kept label it {Label}={LabelValue}, or delete it";

    private void Report(string ns, string? fault)
    {
        if (fault is null)
        {
            _warned.TryRemove(ns, out _);
            return;
        }

        if (string.Equals(_warned.GetValueOrDefault(ns), fault, StringComparison.Ordinal))
            return;
        _warned[ns] = fault;
        LogFault(fault);
        if (_known.TryGetValue(ns, out Known? there) && !there.IsOurs)
            events?.Warning(new ObjectReference("v1", "ConfigMap", ns, Name, there.Uid), "ForeignRoots", "Spread", fault);
    }

    private static Known Read(JsonElement map)
    {
        string label = Text(map, "metadata", "labels", Label);
        return new Known(Text(map, "metadata", "uid"), Text(map, "data", FileName), string.Equals(label, LabelValue, StringComparison.Ordinal));
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "the roots are not in {Namespaces}, which is not waited for any longer: gateways there will get no certificates")]
    private partial void LogLeft(string namespaces);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Fault}")]
    private partial void LogFault(string fault);

    private sealed record Known(string Uid, string Roots, bool IsOurs);
}

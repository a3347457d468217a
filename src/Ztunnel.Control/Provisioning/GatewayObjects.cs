using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// The objects there are for Gateways: made and set right as they are planned, and taken away. What is somebody else's is left alone,
/// and whoever keeps changing what is ours is not fought at full rate (<see cref="DriftBackoff"/>). Safe from any thread, but not for
/// one Gateway from several.
/// </summary>
internal sealed partial class GatewayObjects
{
    /// <summary>The name under which fields are ours.</summary>
    public const string FieldManager = "ztunnel";

    // Nothing tells of quotas and rights, nor of what is somebody else's.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    private static readonly ApiResource[] Made =
    [
        ApiResource.ServiceAccounts, AccountTemplate.Roles, AccountTemplate.RoleBindings, ApiResource.Deployments, ApiResource.Services,
        ApiResource.HorizontalPodAutoscalers, ApiResource.PodDisruptionBudgets,
    ];

    private readonly ApiClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Dictionary<ApiResource, LiveCollection<LiveObject>> _live;
    private readonly ConcurrentDictionary<(ApiResource Resource, ObjectName Name), Applied> _applied = new();

    public GatewayObjects(ApiClient client, TimeProvider time, ILogger logger)
    {
        (_client, _time, _logger) = (client, time, logger);
        _live = Made.ToDictionary(
            resource => resource,
            resource => new LiveCollection<LiveObject>(new ResourceWatch(client, resource.All().With("labelSelector", GatewayLabels.Managed)), static @object => LiveObject.Of(@object), logger));
        foreach ((ApiResource resource, LiveCollection<LiveObject> live) in _live)
            live.Changed += name => Follow(resource, name);
    }

    /// <summary>Something that was made for a Gateway has changed.</summary>
    public Action<GatewayName>? Changed { get; set; }

    /// <summary>Somebody keeps changing what is made for a Gateway; said once, in one line for a person.</summary>
    public Action<GatewayObject, string>? Contested { get; set; }

    /// <summary>Completes when what has been made before is known.</summary>
    public Task Synced => Task.WhenAll(_live.Values.Select(live => live.Synced));

    /// <summary>Follows what there is until cancelled.</summary>
    public Task Run(CancellationToken cancellationToken) => Task.WhenAll(_live.Values.Select(live => live.Run(cancellationToken)));

    /// <summary>What there is of that name; asked for where it is not among those that have been made, as far as is known.</summary>
    public async Task<LiveObject?> Find(MadeObject made, CancellationToken cancellationToken)
    {
        if (_live[made.Resource].Find(made.ObjectName) is { } known)
            return known;
        try
        {
            return LiveObject.Of(await _client.Get(made.Resource.Named(made.Namespace, made.Name), cancellationToken));
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>
    /// Makes an object, or sets it right. Returns what stands in the way, and when to look at it again though nothing may tell of it; or
    /// the error that may pass by itself. Throws where the server does not answer, as it will not for others either.
    /// </summary>
    public async Task<(ProvisioningFault? Fault, TimeSpan? Again, ApiException? Passing)> Make(GatewayObject gateway, MadeObject made, CancellationToken cancellationToken)
    {
        try
        {
            LiveObject? known = _live[made.Resource].Find(made.ObjectName);
            LiveObject? there = await Find(made, cancellationToken);
            if (there is null || WhoseElse(there, gateway, made) is not { } owner)
                return (null, await Set(gateway, made, known, there, cancellationToken), null);
            // An account that is there serves as it is, whoever made it.
            return made.Resource == ApiResource.ServiceAccounts
                ? (null, null, null)
                : (new ProvisioningFault.Taken($"{made} is there and {owner}: it is left as it is"), LookAgain, null);
        }
        catch (ApiException error) when (error.Code != ApiException.NoAnswer)
        {
            var fault = new ProvisioningFault.Refused($"{made} cannot be made: {error.Message}");
            return error.IsTransient || error.IsConflict ? (fault, null, error) : (fault, LookAgain, null);
        }
    }

    /// <summary>
    /// Takes back rights to Secrets that a Gateway may not read any more. A Role that is planned is narrowed, as long as that can be done.
    /// </summary>
    /// <param name="gateway">The Gateway.</param>
    /// <param name="allowed">The Secrets that it may read.</param>
    /// <param name="plan">What is planned for it, whatever its parameters say; null where nothing can be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task Restrict(GatewayObject gateway, IReadOnlyList<SecretName> allowed, GatewayPlan.Managed? plan, CancellationToken cancellationToken)
    {
        ILookup<string, string> names = allowed.ToLookup(secret => secret.Namespace, secret => secret.Name, StringComparer.Ordinal);
        foreach ((ApiResource resource, ObjectName name, LiveObject there) in MadeFor(gateway).Where(made => AccountTemplate.IsRight(made.Resource)).ToArray())
        {
            if (names.Contains(name.Namespace) && !there.RuleNames.Except(names[name.Namespace], StringComparer.Ordinal).Any())
                continue;
            MadeObject? narrower = plan?.Objects.FirstOrDefault(made => made.Resource == resource && made.ObjectName == name);
            if (narrower is null || (await Make(gateway, narrower, cancellationToken)).Fault is not null)
                await TakeAway(resource, name, there, GatewayReconciler.NameOf(gateway), cancellationToken);
        }
    }

    /// <summary>Takes away what a revision of the controller made in other namespaces for a Gateway, of which the next may be another's.</summary>
    public async Task TakeAwayAbroad(GatewayName gateway, string revision, CancellationToken cancellationToken)
    {
        foreach ((ApiResource resource, ObjectName name, LiveObject there) in AbroadFor(gateway).Where(made => (made.There.Revision ?? revision) == revision).ToArray())
            await TakeAway(resource, name, there, gateway, cancellationToken);
    }

    /// <summary>Takes away what was made for a Gateway and is not planned any more: under a former name, or from former parameters.</summary>
    public async Task Prune(GatewayObject gateway, GatewayPlan.Managed plan, CancellationToken cancellationToken)
    {
        foreach ((ApiResource resource, ObjectName name, LiveObject there) in MadeFor(gateway).ToArray())
        {
            if (!plan.Objects.Any(made => made.Resource == resource && made.ObjectName == name))
                await TakeAway(resource, name, there, GatewayReconciler.NameOf(gateway), cancellationToken);
        }
    }

    /// <summary>The Gateways for which there is anything in other namespaces than their own.</summary>
    public IEnumerable<GatewayName> Abroad => _live.Values.SelectMany(live => live.All)
        .Where(made => made.Value is { Gateway: not null, GatewayNamespace: not null })
        .Select(made => new GatewayName(made.Value.GatewayNamespace!, made.Value.Gateway!))
        .Distinct();

    /// <summary>
    /// Takes away what there is in other namespaces for a Gateway that is gone, as Kubernetes does only with what it owns. Whether it is
    /// gone the server is asked: that it is not known may be for want of the right to read Gateways.
    /// </summary>
    public async Task Sweep(GatewayName gateway, CancellationToken cancellationToken)
    {
        (ApiResource Resource, ObjectName Name, LiveObject There)[] left = [.. AbroadFor(gateway)];
        if (left.Length == 0 || !await IsGone(gateway, cancellationToken))
            return;
        foreach ((ApiResource resource, ObjectName name, LiveObject there) in left)
            await TakeAway(resource, name, there, gateway, cancellationToken);
    }

    /// <summary>Forgets what was made for a Gateway.</summary>
    public void Forget(GatewayName gateway)
    {
        foreach (((ApiResource Resource, ObjectName Name) made, _) in _applied.Where(applied => applied.Value.Gateway == gateway))
            _applied.TryRemove(made, out _);
    }

    private void Follow(ApiResource resource, ObjectName name)
    {
        if (_applied.TryGetValue((resource, name), out Applied? applied))
            Changed?.Invoke(applied.Gateway);
        else if (_live[resource].Find(name) is { Gateway: { } gateway } made)
            Changed?.Invoke(new GatewayName(made.GatewayNamespace ?? name.Namespace, gateway));
    }

    /// <summary>Applies an object unless that was done and it is as it was then. Returns how long to wait before that, where it is not to be done yet.</summary>
    private async Task<TimeSpan?> Set(GatewayObject gateway, MadeObject made, LiveObject? known, LiveObject? there, CancellationToken cancellationToken)
    {
        GatewayName name = GatewayReconciler.NameOf(gateway);
        string wanted = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(made.Body.ToJsonString())));
        // What is wanted anew is made at once; else somebody else has changed the object.
        Applied? before = _applied.TryGetValue((made.Resource, made.ObjectName), out Applied? last) && last.Gateway == name && last.Wanted == wanted ? last : null;
        if (before is not null && before.Print == there?.Print)
            return null;
        if (before is { Drift.Wait: { Ticks: > 0 } wait })
            return wait;
        cancellationToken.ThrowIfCancellationRequested();
        JsonNode applied = await _client.Apply(made.Resource.Named(made.Namespace, made.Name), made.Body, FieldManager, force: true, cancellationToken);
        var now = LiveObject.Of(applied);
        DriftBackoff drift = last?.Gateway == name ? last.Drift : new DriftBackoff(_time);
        _applied[(made.Resource, made.ObjectName)] = new Applied(name, wanted, now.Version, now.Print, drift);
        _live[made.Resource].Learn(made.ObjectName, known, now);
        if (there is null)
            LogMade(made, name);
        else if (there.Print != now.Print)
            LogSet(made, name);
        // One that is in the version we left it in has been told of late, and changed by nobody.
        if (before is not null && before.Version != now.Version && drift.Note(undone: there?.Print != now.Print))
            Tell(gateway, made, there);
        return null;
    }

    private void Tell(GatewayObject gateway, MadeObject made, LiveObject? there)
    {
        string what = there is null ? "deleted by somebody" : $"changed by field manager {there.ChangedBy ?? "(unknown)"}";
        string said = $"{made} is {what} again and again, and set right after growing waits of up to {DriftBackoff.Longest.TotalMinutes:0} minutes";
        LogContested(GatewayReconciler.NameOf(gateway), said);
        Contested?.Invoke(gateway, said);
    }

    private IEnumerable<(ApiResource Resource, ObjectName Name, LiveObject There)> AllMade =>
        _live.SelectMany(live => live.Value.All.Select(made => (live.Key, made.Key, made.Value)));

    private IEnumerable<(ApiResource Resource, ObjectName Name, LiveObject There)> AbroadFor(GatewayName gateway) =>
        AllMade.Where(made => IsAbroadFor(made.There, gateway));

    private IEnumerable<(ApiResource Resource, ObjectName Name, LiveObject There)> MadeFor(GatewayObject gateway) => AllMade.Where(made =>
        (made.There.OwnerUid is { } owner && owner == gateway.Metadata.Uid) || IsAbroadFor(made.There, GatewayReconciler.NameOf(gateway)));

    private static bool IsAbroadFor(LiveObject there, GatewayName gateway) => there.GatewayNamespace == gateway.Namespace && there.Gateway == gateway.Name;

    private async Task<bool> IsGone(GatewayName gateway, CancellationToken cancellationToken)
    {
        try
        {
            await _client.Get(ApiResource.Of(ObjectKind.Gateway).Named(gateway.Namespace, gateway.Name), cancellationToken);
            return false;
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            return true;
        }
    }

    private static string? WhoseElse(LiveObject there, GatewayObject gateway, MadeObject made)
    {
        if (there.Managed is null)
            return $"has no label {GatewayLabels.Managed}, so that it is somebody else's";
        if (there.Gateway is { } other && other != gateway.Metadata.Name)
            return $"was made for Gateway {other}";
        if ((there.GatewayNamespace ?? made.Namespace) != gateway.Metadata.Namespace)
            return $"was made for a Gateway of namespace {there.GatewayNamespace ?? made.Namespace}";
        string ours = made.Body["metadata"]!["labels"]![GatewayLabels.Managed]!.GetValue<string>();
        return there.Managed == ours ? null : $"was made by {there.Managed}";
    }

    private async Task TakeAway(ApiResource resource, ObjectName name, LiveObject there, GatewayName gateway, CancellationToken cancellationToken)
    {
        try
        {
            await _client.Delete(resource.Named(name.Namespace, name.Name), new DeleteOptions { Uid = there.Uid }, cancellationToken);
            LogTakenAway(resource.Kind, name, gateway);
        }
        catch (ApiException error) when (error.IsNotFound || error.IsConflict)
        {
            // It is gone already, or another is there by now.
        }

        // By now the name may be another Gateway's.
        if (_applied.TryGetValue((resource, name), out Applied? applied) && applied.Gateway == gateway)
            _applied.TryRemove(KeyValuePair.Create((resource, name), applied));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Object} made for Gateway {Gateway}")]
    private partial void LogMade(MadeObject @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Object} set as Gateway {Gateway} wants it")]
    private partial void LogSet(MadeObject @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} {Object} taken away: Gateway {Gateway} has no use for it any more")]
    private partial void LogTakenAway(string kind, ObjectName @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gateway {Gateway}: {Said}")]
    private partial void LogContested(GatewayName gateway, string said);

    /// <summary>What was applied last: for whom, what, and in which version and how the object was afterwards.</summary>
    private sealed record Applied(GatewayName Gateway, string Wanted, string Version, string Print, DriftBackoff Drift);
}

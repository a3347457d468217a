using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Keeps what is made for Gateways as it is planned: makes it, sets right what somebody changed, takes away what is no longer
/// asked for. What is somebody else's it leaves alone. When a Gateway is deleted Kubernetes takes away what it owns.
/// </summary>
internal sealed partial class GatewayReconciler
{
    /// <summary>The name under which fields are ours.</summary>
    public const string FieldManager = "ztunnel";

    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(50);

    // Nothing tells of quotas and rights, nor of what is somebody else's.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(30);

    private const int Workers = 4;

    private static readonly ApiResource[] Made =
    [
        ApiResource.ServiceAccounts, AccountTemplate.Roles, AccountTemplate.RoleBindings, ApiResource.Deployments, ApiResource.Services,
        ApiResource.HorizontalPodAutoscalers, ApiResource.PodDisruptionBudgets,
    ];

    private readonly ApiClient _client;
    private readonly KnownObjects _objects;
    private readonly ProvisioningOptions _options;
    private readonly ILogger _logger;
    private readonly WorkQueue<GatewayName> _queue;
    private readonly Dictionary<ApiResource, LiveCollection<LiveObject>> _live;
    private readonly ParameterMaps _parameters;
    private readonly GatewayAccounts _accounts;
    private readonly ConcurrentDictionary<GatewayName, ProvisioningFault> _faults = new();
    private readonly HashSet<GatewayName> _unseen = [];

    // The Gateways of which anything is remembered, of former terms too.
    private readonly ConcurrentDictionary<GatewayName, bool> _remembered = new();
    private readonly TaskCompletionSource _firstLook = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<(ApiResource Resource, ObjectName Name), Applied> _applied = new();

    public GatewayReconciler(ApiClient client, KnownObjects objects, ProvisioningOptions options, TimeProvider time, ILogger logger)
    {
        (_client, _objects, _options, _logger) = (client, objects, options, logger);
        _queue = new WorkQueue<GatewayName>(time, logger);
        _live = Made.ToDictionary(
            resource => resource,
            resource => new LiveCollection<LiveObject>(new ResourceWatch(client, resource.All().With("labelSelector", GatewayLabels.Managed)), static @object => LiveObject.Of(@object), logger));
        foreach ((ApiResource resource, LiveCollection<LiveObject> live) in _live)
            live.Changed += name => FollowMade(resource, name);
        _parameters = new ParameterMaps(client, options.SystemNamespace, logger);
        _parameters.Changed += FollowParameters;
        _accounts = new GatewayAccounts(client, time, logger);
        objects.Changed += Follow;
    }

    /// <summary>What keeps a Gateway from being made has become another.</summary>
    public Action<GatewayName>? FaultChanged { get; set; }

    /// <summary>What keeps a Gateway from being made, to be told to its owner.</summary>
    public Action<GatewayObject, ProvisioningFault>? Failed { get; set; }

    /// <summary>Completes when what has been made before is known.</summary>
    public Task Synced => Task.WhenAll(_live.Values.Select(live => live.Synced).Append(_parameters.Synced));

    /// <summary>Completes when all Gateways there were when writing began have been looked at.</summary>
    public Task FirstLook => _firstLook.Task;

    /// <summary>What keeps a Gateway from being made; null for nothing.</summary>
    public ProvisioningFault? FaultOf(GatewayName gateway) => _faults.GetValueOrDefault(gateway);

    /// <summary>Follows what there is until cancelled.</summary>
    public Task Watch(CancellationToken cancellationToken) =>
        Task.WhenAll(_live.Values.Select(live => live.Run(cancellationToken)).Append(_parameters.Run(cancellationToken)));

    /// <summary>Makes, beginning with every Gateway, until cancelled.</summary>
    public async Task Write(CancellationToken cancellationToken)
    {
        _queue.Clear();
        GatewayObject[] gateways = [.. _objects.Of<GatewayObject>()];
        // Those that went while somebody else led must not get back what they had.
        foreach (GatewayName gone in _remembered.Keys.Except(gateways.Select(NameOf)))
            Forget(gone);
        // Before the first is made: a binding without one of them would take from its pods what they may read.
        foreach (GatewayObject gateway in gateways)
            await Judge(gateway, cancellationToken);
        lock (_unseen)
        {
            _unseen.Clear();
            _unseen.UnionWith(gateways.Select(NameOf));
        }

        See(null);
        foreach (GatewayObject gateway in gateways)
            _queue.Add(NameOf(gateway));
        try
        {
            await Task.WhenAll(_queue.Run(Workers, Reconcile, cancellationToken), _accounts.Write(cancellationToken));
        }
        finally
        {
            _parameters.LeaveAll();
        }
    }

    /// <summary>The same as <see cref="SetAccount"/>; one whose account cannot be looked at now has none until it is looked at again.</summary>
    private async Task Judge(GatewayObject gateway, CancellationToken cancellationToken)
    {
        try
        {
            await SetAccount(gateway, cancellationToken);
        }
        catch (Exception error) when (error is ApiException or ApiAccessException)
        {
            LogFault(NameOf(gateway), error.Message);
        }
    }

    /// <summary>
    /// The account of a Gateway's pods may read what gateways read, whatever is wrong with its parameters; unless it is an account that
    /// was not made for Gateways: whoever may make a Gateway could have every pod that runs as that account read the cluster. Returns
    /// why not; null for nothing.
    /// </summary>
    private async Task<ProvisioningFault?> SetAccount(GatewayObject gateway, CancellationToken cancellationToken)
    {
        GatewayName name = NameOf(gateway);
        _remembered[name] = true;
        if (PlanPlain(gateway) is not GatewayPlan.Managed plain)
        {
            _accounts.Remove(name);
            return null;
        }

        MadeObject account = plain.Objects.First(made => made.Resource == ApiResource.ServiceAccounts);
        LiveObject? there = await Find(account, cancellationToken);
        if (there is null or { Managed: not null } or { ServesGateways: true } || there.OwnerUid == gateway.Metadata.Uid)
        {
            _accounts.Put(name, new ObjectName(account.Namespace, account.Name));
            // Of labels that are somebody else's to give and take nothing tells us.
            if (there is { Managed: null })
                _queue.Add(name, TimeSpan.FromMinutes(5));
            return null;
        }

        _accounts.Remove(name);
        _queue.Add(name, TimeSpan.FromSeconds(30));
        return new ProvisioningFault.Parameters(
            $"{account} was not made for Gateways, and whatever runs as it would get to read what gateways read: label it {GatewayLabels.ServesGateways}=true, or name another in annotation {GatewayLabels.ServiceAccount}");
    }

    /// <summary>What is to be made as if nobody gave any parameters.</summary>
    private GatewayPlan PlanPlain(GatewayObject gateway) => GatewayPlanner.Plan(
        Inputs(gateway) with { Gateway = gateway with { ParametersKind = null, ParametersName = null }, Parameters = null, ClassDefaults = null }, _options);

    private static GatewayName NameOf(GatewayObject gateway) => new(gateway.Metadata.Namespace, gateway.Metadata.Name);

    private void Follow(ObjectKey key)
    {
        if (key.Kind == ObjectKind.Gateway)
            _queue.Add(new GatewayName(key.Namespace, key.Name), Coalesce);
        else if (key.Kind == ObjectKind.GatewayClass)
            AddWhere(gateway => gateway.ClassName == key.Name);
        else if (key.Kind == ObjectKind.Namespace)
            AddWhere(gateway => gateway.Metadata.Namespace == key.Name);
    }

    private void FollowMade(ApiResource resource, ObjectName name)
    {
        if (_applied.TryGetValue((resource, name), out Applied? applied))
            _queue.Add(applied.Gateway, Coalesce);
        else if (_live[resource].Find(name)?.Gateway is { } gateway)
            _queue.Add(new GatewayName(name.Namespace, gateway), Coalesce);
    }

    private void FollowParameters(ObjectName? map) => AddWhere(gateway =>
        map is not { } changed || (gateway.ParametersName == changed.Name && gateway.Metadata.Namespace == changed.Namespace));

    private void AddWhere(Func<GatewayObject, bool> concerned)
    {
        foreach (GatewayObject gateway in _objects.Of<GatewayObject>().Where(concerned))
            _queue.Add(NameOf(gateway), Coalesce);
    }

    private void See(GatewayName? gateway)
    {
        lock (_unseen)
        {
            if (gateway is not null)
                _unseen.Remove(gateway);
            if (_unseen.Count == 0)
                _firstLook.TrySetResult();
        }
    }

    private async Task Reconcile(GatewayName name, CancellationToken cancellationToken)
    {
        if (await Settle(name, cancellationToken))
            See(name);
    }

    /// <summary>Returns false where its parameters are not known yet: it comes again when they are.</summary>
    private async Task<bool> Settle(GatewayName name, CancellationToken cancellationToken)
    {
        var key = new ObjectKey(ObjectKind.Gateway, name.Namespace, name.Name);
        // One without a uid cannot own anything.
        if (_objects.Find<GatewayObject>(key) is not { Metadata: { Deleting: false, Uid: not null } } gateway)
        {
            Forget(name);
            return true;
        }

        if (await SetAccount(gateway, cancellationToken) is { } refused)
        {
            _parameters.Leave(name);
            SetFault(gateway, refused);
            return true;
        }

        GatewayPlan plain = PlanPlain(gateway);
        if (plain is GatewayPlan.Managed && gateway is { ParametersKind: "ConfigMap", ParametersName: { } map })
        {
            var wanted = new ObjectName(name.Namespace, map);
            // Never waited for here, where it would keep other Gateways waiting too.
            if (!_parameters.Want(name, wanted))
                return false;
            if (_parameters.Find(wanted) is null && _parameters.FaultOf(wanted) is { } fault)
            {
                SetFault(gateway, new ProvisioningFault.Parameters($"ConfigMap {wanted} cannot be read: {fault}"));
                return true;
            }
        }
        else
        {
            _parameters.Leave(name);
        }

        switch (plain is GatewayPlan.Managed ? GatewayPlanner.Plan(Inputs(gateway), _options) : plain)
        {
            case GatewayPlan.Managed managed:
                SetFault(gateway, await Make(gateway, managed, cancellationToken));
                await Prune(gateway, managed, cancellationToken);
                break;
            case GatewayPlan.Invalid invalid:
                SetFault(gateway, new ProvisioningFault.Parameters(invalid.Reason));
                break;
            default:
                SetFault(gateway, null);
                break;
        }

        return true;
    }

    private GatewayInputs Inputs(GatewayObject gateway)
    {
        string @namespace = gateway.Metadata.Namespace;
        return new GatewayInputs
        {
            Gateway = gateway,
            Class = _objects.Find<GatewayClassObject>(new ObjectKey(ObjectKind.GatewayClass, "", gateway.ClassName)),
            NamespaceLabels = _objects.Find<NamespaceObject>(new ObjectKey(ObjectKind.Namespace, "", @namespace))?.Metadata.Labels ?? StringMap.Empty,
            ClassDefaults = _parameters.OfClass(gateway.ClassName),
            Parameters = gateway.ParametersName is { } name ? _parameters.Find(new ObjectName(@namespace, name)) : null,
        };
    }

    private void Forget(GatewayName name)
    {
        _parameters.Leave(name);
        _accounts.Remove(name);
        _remembered.TryRemove(name, out _);
        _faults.TryRemove(name, out _);
        foreach (((ApiResource Resource, ObjectName Name) made, _) in _applied.Where(applied => applied.Value.Gateway == name))
            _applied.TryRemove(made, out _);
    }

    private void SetFault(GatewayObject gateway, ProvisioningFault? fault)
    {
        GatewayName name = NameOf(gateway);
        if (_faults.GetValueOrDefault(name) == fault)
            return;
        if (fault is null)
            _faults.TryRemove(name, out _);
        else
            _faults[name] = fault;
        FaultChanged?.Invoke(name);
        if (fault is null)
            return;
        LogFault(name, fault.Message);
        Failed?.Invoke(gateway, fault);
    }

    /// <summary>Makes what is planned, as far as it can be. Returns the first thing that stands in the way; null for nothing.</summary>
    private async Task<ProvisioningFault?> Make(GatewayObject gateway, GatewayPlan.Managed plan, CancellationToken cancellationToken)
    {
        ProvisioningFault? fault = null;
        foreach (MadeObject made in plan.Objects)
        {
            try
            {
                ProvisioningFault? standing = await Make(gateway, made, cancellationToken);
                fault ??= standing;
            }
            catch (ApiException error) when (error.Code is HttpStatusCode.UnprocessableEntity or HttpStatusCode.BadRequest or HttpStatusCode.Forbidden)
            {
                fault ??= new ProvisioningFault.Refused($"{made} cannot be made: {error.Message}");
                _queue.Add(NameOf(gateway), LookAgain);
            }
        }

        return fault;
    }

    private async Task<ProvisioningFault?> Make(GatewayObject gateway, MadeObject made, CancellationToken cancellationToken)
    {
        LiveCollection<LiveObject> collection = _live[made.Resource];
        var name = new ObjectName(made.Namespace, made.Name);
        LiveObject? known = collection.Find(name);
        LiveObject? there = await Find(made, cancellationToken);
        if (there is not null && WhoseElse(there, gateway, made) is { } owner)
        {
            // An account that is there serves as it is, whoever made it.
            if (made.Resource == ApiResource.ServiceAccounts)
                return null;
            _queue.Add(NameOf(gateway), LookAgain);
            return new ProvisioningFault.Taken($"{made} is there and {owner}: it is left as it is");
        }

        string wanted = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(made.Body.ToJsonString())));
        if (there is not null && _applied.TryGetValue((made.Resource, name), out Applied? before) && before == new Applied(NameOf(gateway), wanted, there.Print))
            return null;
        cancellationToken.ThrowIfCancellationRequested();
        JsonNode applied = await _client.Apply(made.Resource.Named(made.Namespace, made.Name), made.Body, FieldManager, force: true, cancellationToken);
        var now = LiveObject.Of(applied);
        _applied[(made.Resource, name)] = new Applied(NameOf(gateway), wanted, now.Print);
        collection.Learn(name, known, now);
        if (there is null)
            LogMade(made, NameOf(gateway));
        else if (there.Print != now.Print)
            LogSet(made, NameOf(gateway));
        return null;
    }

    /// <summary>What there is of that name; asked for where it is not among those that have been made, as far as is known.</summary>
    private async Task<LiveObject?> Find(MadeObject made, CancellationToken cancellationToken)
    {
        if (_live[made.Resource].Find(new ObjectName(made.Namespace, made.Name)) is { } known)
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

    private static string? WhoseElse(LiveObject there, GatewayObject gateway, MadeObject made)
    {
        if (there.Managed is null)
            return $"has no label {GatewayLabels.Managed}, so that it is somebody else's";
        if (there.Gateway is { } other && other != gateway.Metadata.Name)
            return $"was made for Gateway {other}";
        string ours = made.Body["metadata"]!["labels"]![GatewayLabels.Managed]!.GetValue<string>();
        return there.Managed == ours ? null : $"was made by {there.Managed}";
    }

    /// <summary>Takes away what was made for a Gateway and is not planned any more: under a former name, or from former parameters.</summary>
    private async Task Prune(GatewayObject gateway, GatewayPlan.Managed plan, CancellationToken cancellationToken)
    {
        foreach ((ApiResource resource, LiveCollection<LiveObject> live) in _live)
        {
            foreach ((ObjectName name, LiveObject there) in live.All.Where(made => made.Value.OwnerUid == gateway.Metadata.Uid))
            {
                if (plan.Objects.Any(made => made.Resource == resource && made.Name == name.Name && made.Namespace == name.Namespace))
                    continue;
                try
                {
                    await _client.Delete(resource.Named(name.Namespace, name.Name), new DeleteOptions { Uid = there.Uid }, cancellationToken);
                    LogTakenAway(resource.Kind, name, NameOf(gateway));
                }
                catch (ApiException error) when (error.IsNotFound || error.IsConflict)
                {
                    // It is gone already, or another is there by now.
                }

                _applied.TryRemove((resource, name), out _);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Object} made for Gateway {Gateway}")]
    private partial void LogMade(MadeObject @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Object} set as Gateway {Gateway} wants it")]
    private partial void LogSet(MadeObject @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} {Object} taken away: Gateway {Gateway} has no use for it any more")]
    private partial void LogTakenAway(string kind, ObjectName @object, GatewayName gateway);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gateway {Gateway}: {Reason}")]
    private partial void LogFault(GatewayName gateway, string reason);

    /// <summary>What was applied last: for whom, what, and what the object was afterwards.</summary>
    private sealed record Applied(GatewayName Gateway, string Wanted, string Print);
}

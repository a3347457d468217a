using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Keeps what is made for Gateways as it is planned: looks at a Gateway when anything that it depends on has changed, and has its
/// objects made (<see cref="GatewayObjects"/>). When a Gateway is deleted Kubernetes takes away what it owns, and this what there is
/// for it in other namespaces.
/// </summary>
internal sealed partial class GatewayReconciler
{
    private static readonly TimeSpan Coalesce = TimeSpan.FromMilliseconds(50);

    private const int Workers = 4;

    private readonly KnownObjects _objects;
    private readonly ProvisioningOptions _options;
    private readonly ILogger _logger;
    private readonly WorkQueue<GatewayName> _queue;
    private readonly GatewayObjects _made;
    private readonly ParameterMaps _parameters;
    private readonly GatewayAccounts _accounts;
    private readonly SecretNeeds _secrets = new();
    private readonly ConcurrentDictionary<GatewayName, ProvisioningFault> _faults = new();
    private readonly HashSet<GatewayName> _unseen = [];

    // The Gateways of which anything is remembered, of former terms too.
    private readonly ConcurrentDictionary<GatewayName, bool> _remembered = new();
    private readonly TaskCompletionSource _firstLook = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GatewayReconciler(ApiClient client, KnownObjects objects, ProvisioningOptions options, TimeProvider time, ILogger logger)
    {
        (_objects, _options, _logger) = (objects, options, logger);
        _queue = new WorkQueue<GatewayName>(time, logger);
        _made = new GatewayObjects(client, time, logger);
        _made.Changed += gateway => _queue.Add(gateway, Coalesce);
        _made.Contested += (gateway, said) => Failed?.Invoke(gateway, "Contested", said);
        _parameters = new ParameterMaps(client, options.SystemNamespace, logger);
        _parameters.Changed += FollowParameters;
        _accounts = new GatewayAccounts(client, time, logger);
        objects.Changed += Follow;
    }

    /// <summary>What keeps a Gateway from being made has become another.</summary>
    public Action<GatewayName>? FaultChanged { get; set; }

    /// <summary>What keeps a Gateway from being made or from staying as it was made, to be told to its owner: why in one word, and in one line.</summary>
    public Action<GatewayObject, string, string>? Failed { get; set; }

    /// <summary>Completes when what has been made before is known.</summary>
    public Task Synced => Task.WhenAll(_made.Synced, _parameters.Synced);

    /// <summary>Completes when all Gateways there were when writing began have been looked at.</summary>
    public Task FirstLook => _firstLook.Task;

    /// <summary>What names a Gateway.</summary>
    public static GatewayName NameOf(GatewayObject gateway) => new(gateway.Metadata.Namespace, gateway.Metadata.Name);

    /// <summary>What keeps a Gateway from being made; null for nothing.</summary>
    public ProvisioningFault? FaultOf(GatewayName gateway) => _faults.GetValueOrDefault(gateway);

    /// <summary>Follows what there is until cancelled.</summary>
    public Task Watch(CancellationToken cancellationToken) => Task.WhenAll(_made.Run(cancellationToken), _parameters.Run(cancellationToken));

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
        foreach (GatewayName name in gateways.Select(NameOf).Union(_made.Abroad))
            _queue.Add(name);
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
        LiveObject? there = await _made.Find(account, cancellationToken);
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

    private void Follow(ObjectKey key)
    {
        if (key.Kind == ObjectKind.Gateway)
            _queue.Add(new GatewayName(key.Namespace, key.Name), Coalesce);
        else if (key.Kind == ObjectKind.GatewayClass)
            AddWhere(gateway => gateway.ClassName == key.Name);
        else if (key.Kind == ObjectKind.Namespace)
            AddWhere(gateway => gateway.Metadata.Namespace == key.Name);
        else if (key.Kind == ObjectKind.ReferenceGrant || key.Kind == ObjectKind.DestinationRule)
            FollowSecrets(key);
    }

    private void FollowSecrets(ObjectKey key)
    {
        bool changed = _objects.Find<KubernetesObject>(key) is { } @object ? _secrets.Put(@object) : _secrets.Remove(key);
        if (changed)
            AddWhere(gateway => key.Kind != ObjectKind.ReferenceGrant || SecretNeeds.CertificatesOf(gateway).Any(secret => secret.Namespace == key.Namespace));
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
        GatewayObject? found = _objects.Find<GatewayObject>(key);
        // Before all that may fail, or that may have to be waited for: whatever else is wrong, what was granted can be taken back.
        if (found is not null)
            await Restrict(found, cancellationToken);
        // One without a uid cannot own anything.
        if (found is not { Metadata: { Deleting: false, Uid: not null } } gateway)
        {
            Forget(name);
            await _made.Sweep(name, cancellationToken);
            return true;
        }

        if (await SetAccount(gateway, cancellationToken) is { } refused)
        {
            _parameters.Leave(name);
            SetFault(gateway, refused);
            await _made.TakeAwayAbroad(name, _options.Revision, cancellationToken);
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
                (ProvisioningFault? standing, ApiException? passing) = await Make(gateway, managed, cancellationToken);
                SetFault(gateway, standing);
                await _made.Prune(gateway, managed, cancellationToken);
                if (passing is null)
                    break;
                // Looked at it has been: what is to come when all have been is not kept waiting. What fails is tried again after growing waits.
                See(name);
                throw passing;
            case GatewayPlan.Invalid invalid:
                SetFault(gateway, new ProvisioningFault.Parameters(invalid.Reason));
                break;
            default:
                SetFault(gateway, null);
                break;
        }

        return true;
    }

    /// <summary>Takes back the rights to Secrets that a Gateway may not have any more: all in other namespaces if it is not ours to run.</summary>
    private Task Restrict(GatewayObject gateway, CancellationToken cancellationToken) => PlanPlain(gateway) switch
    {
        GatewayPlan.Foreign or GatewayPlan.Unmanaged => _made.TakeAwayAbroad(NameOf(gateway), _options.Revision, cancellationToken),
        GatewayPlan plan => _made.Restrict(gateway, _secrets.Of(gateway), plan as GatewayPlan.Managed, cancellationToken),
    };

    private GatewayInputs Inputs(GatewayObject gateway)
    {
        string @namespace = gateway.Metadata.Namespace;
        return new GatewayInputs
        {
            Gateway = gateway,
            Class = _objects.Find<GatewayClassObject>(new ObjectKey(ObjectKind.GatewayClass, "", gateway.ClassName)),
            NamespaceLabels = _objects.Find<NamespaceObject>(new ObjectKey(ObjectKind.Namespace, "", @namespace))?.Metadata.Labels ?? StringMap.Empty,
            Secrets = _secrets.Of(gateway),
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
        _made.Forget(name);
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
        Failed?.Invoke(gateway, fault.Reason, fault.Message);
    }

    /// <summary>Makes what is planned, as far as it can be. Returns the first thing that stands in the way, and the first that may pass by itself.</summary>
    private async Task<(ProvisioningFault? First, ApiException? Passing)> Make(GatewayObject gateway, GatewayPlan.Managed plan, CancellationToken cancellationToken)
    {
        ProvisioningFault? first = null;
        ApiException? firstPassing = null;
        foreach (MadeObject made in plan.Objects)
        {
            (ProvisioningFault? fault, TimeSpan? again, ApiException? passing) = await _made.Make(gateway, made, cancellationToken);
            first ??= fault;
            firstPassing ??= passing;
            if (again is { } wait)
                _queue.Add(NameOf(gateway), wait);
        }

        return (first, firstPassing);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Gateway {Gateway}: {Reason}")]
    private partial void LogFault(GatewayName gateway, string reason);
}

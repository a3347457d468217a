using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Makes Kubernetes objects into the mesh, one change at a time: the only writer of its <see cref="MeshState"/>. The same
/// objects give the same mesh in whatever order they come. An object that cannot be made sense of costs only itself.
/// </summary>
public sealed partial class Translator
{
    // How many changes may wait for each other before they show.
    private const int MaxCollected = 256;

    // How long whoever waits for all that there is at the start also waits for names to be looked up.
    private static readonly TimeSpan NamesPatience = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger;
    private readonly TranslatorOptions _options;
    private readonly PolicyTable _policies;
    private readonly MeshState _mesh;
    private readonly NamespaceLabels _namespaces;
    private readonly PodTranslation _pods;
    private readonly ServiceTranslation _services;
    private readonly EntryTranslation _entries;
    private readonly TrafficTranslation _traffic;
    private readonly NameResolution? _names;
    private readonly GatewayTranslation _gateways;
    private readonly GatewayApiTranslation _gatewayApi;
    private readonly AddressConflicts _conflicts;
    private readonly AttachedPolicies _attached;
    private readonly Dictionary<string, SourceReport> _reports = new(StringComparer.Ordinal);
    private readonly Dictionary<ObjectKey, KubernetesObject> _objects = [];
    private readonly HashSet<ObjectKey> _faulty = [];
    private readonly HashSet<string> _unknownKinds = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _collecting;
    private bool _toldAll;

    /// <summary>Makes a translator that writes to <paramref name="mesh"/>. Throws <see cref="FormatException"/> for a trust domain or alias that is none.</summary>
    public Translator(MeshState mesh, TranslatorOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(mesh);
        options ??= new TranslatorOptions();
        foreach (string trustDomain in options.TrustDomains)
            SpiffeId.Create(trustDomain, "default", "default");
        _logger = logger ?? NullLogger.Instance;
        Inventory = new ResourceInventory(LogProblem);
        _options = options;
        _policies = mesh.Policies;
        _mesh = mesh;
        _namespaces = new NamespaceLabels(mesh);
        _pods = new PodTranslation(mesh, options, _namespaces, Inventory);
        _services = new ServiceTranslation(mesh, options, _namespaces, _pods.In);
        _names = options.Names is { } resolver ? new NameResolution(mesh, Inventory, resolver, TimeProvider.System) : null;
        _entries = new EntryTranslation(mesh, options, _namespaces, _services, _pods.In, Inventory, _names);
        _traffic = new TrafficTranslation(mesh, options, Inventory);
        _gateways = new GatewayTranslation(mesh, options, Inventory);
        _gatewayApi = new GatewayApiTranslation(mesh, options, Inventory, new GatewayApiObjects
        {
            Service = _services.Find,
            ServicesIn = _services.In,
            Endpoints = mesh.EndpointsOf,
            Instances = gateway => [.. _pods.In(gateway.Namespace).Where(pod => WaypointLabels.InstanceOf(pod.Metadata.Labels, pod.Metadata.Namespace) == gateway)],
            NamespaceLabels = _namespaces.Of,
            Entry = _entries.Find,
            Host = mesh.ServiceByHostname,
        });
        _conflicts = new AddressConflicts(Inventory);
        _attached = new AttachedPolicies(mesh, Inventory);
    }

    /// <summary>
    /// What a pod would be in the mesh, judged by its namespace's labels: for one that is asked for ahead of what the source
    /// tells. Throws <see cref="ArgumentException"/> for a pod without uid.
    /// </summary>
    public static Workload Judge(PodObject pod, NamespaceObject @namespace, TranslatorOptions options)
    {
        ArgumentNullException.ThrowIfNull(pod);
        ArgumentNullException.ThrowIfNull(@namespace);
        ArgumentNullException.ThrowIfNull(options);
        string uid = pod.Metadata.Uid ?? throw new ArgumentException("a pod of a cluster has a uid", nameof(pod));
        return ObjectTranslation.Workload(pod, uid, LabelsOf(@namespace), options);
    }

    /// <summary>The labels of a namespace as the mesh has them.</summary>
    public static StringMap LabelsOf(NamespaceObject @namespace)
    {
        ArgumentNullException.ThrowIfNull(@namespace);
        return NamespaceLabels.Complete(@namespace.Metadata.Name, @namespace.Metadata.Labels);
    }

    /// <summary>What objects there are and what is wrong with them.</summary>
    public ResourceInventory Inventory { get; }

    /// <summary>
    /// Completes when everything that was there at the start is in the mesh, and the names of endpoints among it have been looked up
    /// once, or that takes too long.
    /// </summary>
    public Task Synced => _synced.Task;

    /// <summary>Follows <paramref name="source"/> until cancelled. Throws what its <see cref="IResourceSource.Watch"/> throws.</summary>
    public async Task Run(IResourceSource source, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        _collecting = true;
        try
        {
            await Follow(source, cancellationToken);
        }
        finally
        {
            _collecting = false;
            _names?.Dispose();
        }
    }

    /// <summary>What a source has to say at one time is settled at once, and all that there is at the start.</summary>
    private async Task Follow(IResourceSource source, CancellationToken cancellationToken)
    {
        await using IAsyncEnumerator<ResourceEvent> events = source.Watch(cancellationToken).GetAsyncEnumerator(cancellationToken);
        for (int collected = 0; ; collected++)
        {
            ValueTask<bool> next = events.MoveNextAsync();
            if (_toldAll && (!next.IsCompleted || collected >= MaxCollected))
            {
                Settle();
                collected = 0;
            }

            if (!await next)
                break;
            Apply(events.Current);
        }

        Settle();
    }

    /// <summary>Takes one event. For one thread at a time.</summary>
    public void Apply(ResourceEvent @event)
    {
        switch (@event)
        {
            case ResourceEvent.Put put:
                Contain(put.Object.Key, () => Put(put.Object, put.Origin));
                break;
            case ResourceEvent.Remove removal:
                Contain(removal.Key, () => Remove(removal.Key));
                break;
            case ResourceEvent.Report report:
                Report(report.Source);
                break;
            case ResourceEvent.Status:
                // What objects say of themselves there bears on nothing.
                break;
            case ResourceEvent.Synced:
                Settle();
                Inventory.SetSynced();
                _toldAll = true;
                _ = CompleteSync();
                break;
            default:
                throw new SwitchExpressionException(@event);
        }

        if (!_collecting)
            Settle();
    }

    private async Task CompleteSync()
    {
        if (_names is not null)
            await _names.FirstAnswers(NamesPatience);
        _synced.TrySetResult();
    }

    private void Settle()
    {
        _gatewayApi.Settle(ContainSettling);
        _attached.Settle();
    }

    /// <summary>
    /// A fault of ours, or of an observer of the mesh, at one object must not keep all others from being followed. The object is
    /// tried again when it is told again.
    /// </summary>
    private void Contain(ObjectKey key, Action translate)
    {
        try
        {
            translate();
            _faulty.Remove(key);
            Inventory.SetProblem(key, null, null);
        }
        catch (Exception error)
        {
            _faulty.Add(key);
            LogFault(error, key);
            Inventory.SetProblem(key, null, $"could not be applied: {error.Message}");
        }
    }

    /// <summary>As <see cref="Contain"/>, at one object that another's change has a bearing on.</summary>
    private void ContainSettling(ObjectKey key, Action settle)
    {
        const string Field = "spec";
        try
        {
            settle();
            Inventory.SetProblem(key, Field, null);
        }
        catch (Exception error)
        {
            LogFault(error, key);
            Inventory.SetProblem(key, Field, $"could not be applied: {error.Message}");
        }
    }

    /// <summary>The addresses an object has to itself.</summary>
    private static ValueArray<IPAddress> AddressesOf(KubernetesObject? @object) => @object switch
    {
        PodObject { HostNetwork: false, Terminated: false } pod => pod.Addresses,
        ServiceObject service => service.ClusterIps,
        ServiceEntryObject entry => entry.Addresses,
        _ => [],
    };

    private void Put(KubernetesObject @object, Origin origin)
    {
        ObjectKey key = @object.Key;
        Inventory.Put(key, origin);
        if (_objects.TryGetValue(key, out KubernetesObject? old) && old == @object && !_faulty.Contains(key))
            return;
        _objects[key] = @object;
        _conflicts.Change(key, AddressesOf(old), AddressesOf(@object));
        _attached.Follow(key);
        switch (@object)
        {
            case NamespaceObject:
                PutNamespace(key.Name, @object.Metadata.Labels);
                _services.PutNamespace(key.Name, Distributions.Annotated(@object.Metadata));
                _entries.FollowNamespace(key.Name);
                break;
            case NodeObject node:
                _mesh.Put(ObjectTranslation.Node(node));
                break;
            case PodObject pod:
                _pods.Put(pod);
                _services.PutPod(pod);
                _entries.PutPod(pod);
                FollowInstance(old);
                FollowInstance(pod);
                break;
            case ServiceObject service:
                _services.Put(service);
                FollowService(service);
                break;
            case ServiceEntryObject entry:
                _entries.Put(entry);
                _gatewayApi.FollowEntry(key, [.. (old as ServiceEntryObject)?.Hosts ?? [], .. entry.Hosts]);
                break;
            case WorkloadEntryObject workload:
                _entries.Put(workload);
                break;
            case EndpointSliceObject slice:
                _services.Put(slice);
                FollowEndpoints(old);
                FollowEndpoints(slice);
                break;
            case AuthorizationPolicyObject policy:
                AuthorizationPolicy translated = PolicyTranslation.Authorization(policy, _options);
                _policies.Put(translated);
                _attached.Put(key, translated);
                if (!translated.DroppedAttributes.IsEmpty && !IsSameSpec(policy, old))
                    LogPartlyEnforced(key, string.Join(", ", translated.DroppedAttributes), string.Join("; ", translated.Notes));
                break;
            case PeerAuthenticationObject policy:
                _policies.Put(PolicyTranslation.PeerAuthentication(policy, _options));
                break;
            case RequestAuthenticationObject policy:
                RequestAuthentication authentication = PolicyTranslation.RequestAuthentication(policy, _options);
                _policies.Put(authentication);
                _attached.Put(key, authentication);
                break;
            case GatewayObject gateway:
                _gateways.Put(gateway);
                _gatewayApi.Put(gateway);
                break;
            case GatewayClassObject @class:
                _gateways.PutClass(key.Name, @class);
                _gatewayApi.PutClass(key.Name, @class);
                break;
            case RouteObject route:
                _gatewayApi.Put(route);
                break;
            case ReferenceGrantObject grant:
                _gatewayApi.Put(grant);
                break;
            case SecretObject secret:
                _gatewayApi.Put(secret);
                _traffic.Put(secret);
                break;
            case DestinationRuleObject rule:
                _traffic.Put(rule);
                break;
            case TelemetryObject:
                break;
            default:
                throw new SwitchExpressionException(@object);
        }
    }

    /// <summary>Whether a policy has changed in nothing but its metadata.</summary>
    private static bool IsSameSpec(AuthorizationPolicyObject policy, KubernetesObject? before) =>
        before is AuthorizationPolicyObject old && policy with { Metadata = old.Metadata } == old;

    private void PutNamespace(string name, StringMap? labels)
    {
        if (!_namespaces.Put(name, labels))
            return;
        _pods.FollowNamespace(name);
        _services.FollowNamespace(name);
        _gatewayApi.FollowNamespace(name);
    }

    private void FollowService(ServiceObject service)
    {
        ServiceName name = ObjectTranslation.NameOf(service);
        _entries.FollowService(name);
        _gatewayApi.FollowService(name);
    }

    private void FollowEndpoints(KubernetesObject? @object)
    {
        if (@object is EndpointSliceObject { ServiceName: { Length: > 0 } service } slice)
            _gatewayApi.FollowEndpoints(new ServiceName(slice.Metadata.Namespace, service));
    }

    private void FollowInstance(KubernetesObject? @object)
    {
        if (@object is PodObject pod && WaypointLabels.InstanceOf(pod.Metadata.Labels, pod.Metadata.Namespace) is { } gateway)
            _gatewayApi.FollowInstance(gateway);
    }

    private void Remove(ObjectKey key)
    {
        if (!_objects.Remove(key, out KubernetesObject? old))
            return;
        _conflicts.Change(key, AddressesOf(old), []);
        _attached.Remove(key);
        _attached.Follow(key);
        Inventory.Remove(key);
        switch (old)
        {
            case NamespaceObject:
                PutNamespace(key.Name, null);
                _services.PutNamespace(key.Name, null);
                _entries.FollowNamespace(key.Name);
                break;
            case NodeObject:
                _mesh.RemoveNode(key.Name);
                break;
            case PodObject:
                _pods.Remove(key);
                _services.RemovePod(key);
                _entries.RemovePod(key);
                FollowInstance(old);
                break;
            case ServiceObject service:
                _services.Remove(ObjectTranslation.NameOf(service));
                FollowService(service);
                break;
            case ServiceEntryObject entry:
                _entries.Remove(key);
                _gatewayApi.FollowEntry(key, [.. entry.Hosts]);
                break;
            case WorkloadEntryObject:
                _entries.RemoveWorkload(key);
                break;
            case EndpointSliceObject:
                _services.Remove(key);
                FollowEndpoints(old);
                break;
            case AuthorizationPolicyObject:
                _policies.RemoveAuthorization(new PolicyName(key.Namespace, key.Name));
                break;
            case PeerAuthenticationObject:
                _policies.RemovePeerAuthentication(new PolicyName(key.Namespace, key.Name));
                break;
            case RequestAuthenticationObject:
                _policies.RemoveRequestAuthentication(new PolicyName(key.Namespace, key.Name));
                break;
            case GatewayObject:
                _gateways.Remove(key);
                _gatewayApi.RemoveGateway(key);
                break;
            case GatewayClassObject:
                _gateways.PutClass(key.Name, null);
                _gatewayApi.PutClass(key.Name, null);
                break;
            case RouteObject route:
                _gatewayApi.RemoveRoute(route);
                break;
            case ReferenceGrantObject:
                _gatewayApi.RemoveGrant(key);
                break;
            case SecretObject:
                _gatewayApi.RemoveSecret(key);
                _traffic.RemoveSecret(key);
                break;
            case DestinationRuleObject:
                _traffic.RemoveRule(key);
                break;
            case TelemetryObject:
                break;
            default:
                throw new SwitchExpressionException(old);
        }
    }

    private void Report(SourceReport report)
    {
        IEnumerable<ResourceProblem> before = _reports.GetValueOrDefault(report.Name)?.Problems ?? [];
        foreach (ResourceProblem problem in report.Problems.Except(before))
            LogProblem(problem);
        if (before.Any() && report.Problems.IsEmpty)
            LogFixed(report.Name);
        foreach (string kind in report.UnknownKinds.Keys.Where(_unknownKinds.Add))
            LogUnknownKind(report.Name, kind);
        if (report.Exists)
            _reports[report.Name] = report;
        else
            _reports.Remove(report.Name);
        Inventory.Put(report);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Problem}")]
    private partial void LogProblem(ResourceProblem problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Object} could not be applied")]
    private partial void LogFault(Exception error, ObjectKey @object);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Policy} is not enforced in full for its attributes {Attributes}: {Notes}")]
    private partial void LogPartlyEnforced(ObjectKey policy, string attributes, string notes);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Source}: objects of kind {Kind} are not used and left alone")]
    private partial void LogUnknownKind(string source, string kind);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Source}: nothing is wrong any more")]
    private partial void LogFixed(string source);
}

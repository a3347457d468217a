using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Ztunnel.Capture;
using Ztunnel.Diagnostics;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;
using Ztunnel.Telemetry;

namespace Ztunnel;

/// <summary>
/// One node's agent, put together: objects into the model, this node's ambient pods captured, their traffic proxied, all
/// of it shown by the diagnostics. Several may live in one process, as in the demo.
/// </summary>
public sealed partial class NodeAgent : IAsyncDisposable
{
    private readonly NodeAgentOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Readiness _readiness = new();
    private readonly MeshState _mesh;
    private readonly Translator _translator;
    private readonly ResourceFollower _follower;
    private readonly EventLoopGroup _loops;
    private readonly LoopWatchdog _watchdog;
    private readonly CertificateStore _certificates;
    private readonly NodeProxy _proxy;
    private readonly PodEnroller _enroller;
    private readonly DiagnosticsServer _diagnostics;
    private readonly NodeAddresses? _nodeAddresses;
    private readonly NetworkNamespace? _ownNamespace;
    private readonly EventRecorder? _events;
    private readonly ClusterPods? _clusterPods;
    private OwnDaemonSet? _daemonSet;

    private NodeAgent(NodeAgentOptions options, ICertificateAuthority authority, AccessLog accessLog, ILoggerFactory loggers)
    {
        _options = options;
        _loggers = loggers;
        _logger = loggers.CreateLogger<NodeAgent>();
        _mesh = new MeshState(options.Mesh);
        var translation = new TranslatorOptions
        {
            TrustDomain = options.TrustDomain,
            TrustDomainAliases = [.. options.TrustDomainAliases],
            RootNamespace = options.RootNamespace,
            Names = options.Names,
            ExcludedNamespaces = options.ExcludedNamespaces,
            DiscoverySelectors = options.DiscoverySelectors,
            InCluster = options.Api is not null,
            OwnNode = options.Node,
            DeriveEndpoints = options.Api is null,
        };
        if (options.Api is { } api)
        {
            _events = new EventRecorder(api, "ztunnel.io/node", options.Node, loggers.CreateLogger<EventRecorder>());
            _clusterPods = new ClusterPods(api, translation);
        }

        _translator = new Translator(_mesh, translation, loggers.CreateLogger<Translator>());
        _follower = new ResourceFollower(_readiness, _logger);
        ILogger loopLogger = loggers.CreateLogger<EventLoop>();
        _loops = EventLoopGroup.Start(options.Workers, new EventLoopOptions { ThreadName = $"{options.Node}-" }, loopLogger);
        _watchdog = new LoopWatchdog(_loops.Loops, loopLogger);
        var verifier = new MeshPeerVerifier([options.TrustDomain, .. options.TrustDomainAliases]);
        _certificates = new CertificateStore(authority, verifier, logger: loggers.CreateLogger<CertificateStore>());
        if (options.Probes == ProbePath.NodeAddress)
            _nodeAddresses = new NodeAddresses(options.NodeNamespace ?? (_ownNamespace = NetworkNamespace.OpenCurrent()));
        _proxy = new NodeProxy(
            options.Proxy with { IsTrustedNode = _nodeAddresses is { } node ? node.Contains : options.Proxy.IsTrustedNode },
            _loops,
            _mesh,
            _certificates,
            verifier,
            accessLog,
            loggers.CreateLogger<NodeProxy>());
        var capture = new CaptureOptions
        {
            Node = options.Node,
            Proc = options.Proc ?? (options.Api is null ? null : "/proc"),
            Announcer = _events is null ? null : new ClusterAnnouncer(options.Api!, _events),
            NamespaceDirectory = options.NamespaceDirectory,
            NodeNamespace = options.NodeNamespace,
            Probes = options.Probes,
        };
        _enroller = new PodEnroller(
            capture, new PodListeners(_proxy, options.DrainTime), _loops.Loops[0], loggers.CreateLogger<PodEnroller>());
        _diagnostics = new DiagnosticsServer(
            Snapshots(authority), _readiness, options.Diagnostics with { Bind = BindDiagnostics, Turn = Turn }, loggers);
    }

    /// <summary>
    /// Starts an agent and returns when it knows the objects there are and its diagnostics listen; pods are enrolled in the
    /// background. Throws <see cref="IOException"/> when the objects cannot be read or a diagnostics port is taken.
    /// </summary>
    public static async Task<NodeAgent> Start(
        NodeAgentOptions options, ICertificateAuthority authority, AccessLog accessLog, ILoggerFactory loggers, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        var agent = new NodeAgent(options, authority, accessLog, loggers);
        try
        {
            // Where one is before us it serves, and answers for the node, until we know all that it knows: one that never comes to
            // know it, for want of rights or of an API server, has cost nothing.
            bool follows = options.RunDirectory is { } served && Succession.IsServed(served);
            if (!follows)
                await agent._diagnostics.Start(stop);
            await agent._follower.Start(
                following => agent._translator.Run(agent._follower.Observing(options.Source), following), agent._translator.Synced, stop);
            agent.ExpectPlugin();
            using UpgradeConversation? predecessor = follows ? await agent.Inherit() : null;
            if (follows)
            {
                agent._readiness.State = ReadinessState.Ready;
                await agent._diagnostics.Start(stop);
            }

            agent._enroller.Follow(agent._mesh);
            agent.OpenDoor();
            if (predecessor is not null)
                await agent.TakeOver(predecessor, stop);
            agent._readiness.State = ReadinessState.Ready;
            if (options.RunDirectory is { } directory)
                agent._succession = Succession.Open(directory, agent.HandOver, loggers.CreateLogger<Succession>());
            agent.LogStarted(options.Node, options.Workers);
            return agent;
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    /// <summary>The mesh as this node knows it.</summary>
    public MeshState Mesh => _mesh;

    /// <summary>Completes once each event loop has come round, so that none of them is stuck.</summary>
    public Task Turn() => _loops.Turn();

    /// <summary>Where this node's pods stand.</summary>
    public ImmutableArray<PodStatus> Pods => _enroller.Snapshot();

    /// <summary>The pods of all nodes that are to be captured, as <c>namespace/name</c>.</summary>
    public IEnumerable<string> AmbientPods => _mesh.Workloads.Where(workload => workload.Ambient).Select(workload => workload.ToString());

    /// <summary>Whether the pod <c>namespace/name</c> is captured.</summary>
    public bool IsEnrolled(string pod) =>
        Pods.Any(status => status.State is EnrolmentState.Enrolled && status.Workload.ToString() == pod);

    /// <summary>
    /// Stops in order: not ready any more, accepts nothing, tells peers (GOAWAY), waits for open connections up to the drain
    /// time. The capture rules stay, so that no pod's traffic leaves in the clear while the agent is away, unless
    /// <see cref="NodeAgentOptions.ReleaseOnExit"/> says otherwise. So does the CNI plugin, unless the mesh is being uninstalled.
    /// </summary>
    public async Task Drain()
    {
        _readiness.State = ReadinessState.Draining;
        LogDraining(_options.DrainTime);
        // A pod that is made now is made again when an agent is there.
        await CloseDoor();
        bool uninstalled = !_options.ReleaseOnExit && await RemovePluginWhenUninstalled();
        if (_options.ReleaseOnExit && IsLast)
        {
            RemovePlugin();
            await _enroller.ReleaseAll(_stopping.Token);
        }

        int broken = await _proxy.Drain(_options.DrainTime);
        // With its namespace a DaemonSet may be deleted after its pods.
        if (!_options.ReleaseOnExit && !uninstalled)
            await RemovePluginWhenUninstalled();
        LogDrained(broken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_succession is not null)
            await _succession.DisposeAsync();
        await CloseDoor();
        await _stopping.CancelAsync();
        if (_daemonSet is not null)
            await _daemonSet.DisposeAsync();
        await _follower.DisposeAsync();
        await _enroller.DisposeAsync();
        if (_events is not null)
            await _events.DisposeAsync();
        await _diagnostics.DisposeAsync();
        await _proxy.DisposeAsync();
        await _certificates.DisposeAsync();
        _nodeAddresses?.Dispose();
        _ownNamespace?.Dispose();
        _watchdog.Dispose();
        _loops.Dispose();
        _stopping.Dispose();
    }

    private NodeSnapshots Snapshots(ICertificateAuthority authority) => new()
    {
        Node = _options.Node,
        Mesh = _mesh,
        Pods = _ => ValueTask.FromResult<IReadOnlyList<PodStatus>>(_enroller.Snapshot()),
        Resources = _translator.Inventory,
        PolicyObservations = _proxy.PolicyObservations.Of,
        Certificates = _ => ValueTask.FromResult<IReadOnlyList<CertificateDump>>([.. _certificates.Snapshot().Select(DumpMapping.ToDump)]),
        Authority = () => DumpMapping.ToDump(authority),
        Connections = async _ => await _proxy.Connections(),
        Ejections = _ => ValueTask.FromResult(_proxy.Ejections()),
        Pools = async _ => [.. (await _proxy.Tunnels()).Select(DumpMapping.ToDump)],
    };

    [LoggerMessage(Level = LogLevel.Information, Message = "agent of node {Node} started with {Workers} workers")]
    private partial void LogStarted(string node, int workers);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping: waiting up to {Patience} for open connections")]
    private partial void LogDraining(TimeSpan patience);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopped; {Broken} connections were broken off")]
    private partial void LogDrained(int broken);
}

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Ztunnel.Diagnostics;
using Ztunnel.Gateway;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;
using Ztunnel.Telemetry;

namespace Ztunnel;

/// <summary>
/// One instance of a Gateway, put together: objects into the model, the engine that serves them, its diagnostics. Several may
/// live in one process, each in its pod's network namespace.
/// </summary>
public sealed partial class GatewayAgent : IAsyncDisposable
{
    private readonly GatewayAgentOptions _options;
    private readonly ILogger _logger;
    private readonly Readiness _readiness = new();
    private readonly MeshState _mesh;
    private readonly Translator _translator;
    private readonly ResourceFollower _follower;
    private readonly EventLoopGroup _loops;
    private readonly LoopWatchdog _watchdog;
    private readonly MeshPeerVerifier _verifier;
    private readonly CertificateStore _certificates;
    private readonly DiagnosticsServer? _diagnostics;
    private GatewayEngine? _engine;
    private ListenerWarnings? _warnings;

    private GatewayAgent(GatewayAgentOptions options, ICertificateAuthority authority, ILoggerFactory loggers)
    {
        _options = options;
        _logger = loggers.CreateLogger<GatewayAgent>();
        _mesh = new MeshState(options.Mesh);
        var translation = new TranslatorOptions
        {
            TrustDomain = options.TrustDomain,
            TrustDomainAliases = [.. options.TrustDomainAliases],
            RootNamespace = options.RootNamespace,
            Names = options.Names,
            InCluster = options.InCluster,
            DeriveEndpoints = !options.InCluster,
        };
        _translator = new Translator(_mesh, translation, loggers.CreateLogger<Translator>());
        _follower = new ResourceFollower(_readiness, _logger);
        ILogger loopLogger = loggers.CreateLogger<EventLoop>();
        _loops = EventLoopGroup.Start(options.Workers, new EventLoopOptions { ThreadName = "gateway-" }, loopLogger);
        _watchdog = new LoopWatchdog(_loops.Loops, loopLogger);
        _verifier = new MeshPeerVerifier([options.TrustDomain, .. options.TrustDomainAliases]);
        _certificates = new CertificateStore(authority, _verifier, logger: loggers.CreateLogger<CertificateStore>());
        if (options.Diagnostics is { } diagnostics)
            _diagnostics = new DiagnosticsServer(Snapshots(authority), _readiness, diagnostics with { Bind = BindInPod, Turn = Turn }, loggers);
    }

    /// <summary>
    /// Starts a gateway and returns when it knows the objects there are, knows which pod it is, and serves. Throws
    /// <see cref="IOException"/> when the objects cannot be read.
    /// </summary>
    public static async Task<GatewayAgent> Start(
        GatewayAgentOptions options, ICertificateAuthority authority, AccessLog accessLog, ILoggerFactory loggers, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        var agent = new GatewayAgent(options, authority, loggers);
        try
        {
            if (agent._diagnostics is { } diagnostics)
                await diagnostics.Start(stop);
            await agent._follower.Start(
                following => agent._translator.Run(agent._follower.Observing(options.Source), following), agent._translator.Synced, stop);
            Workload pod = await agent.FindPod(stop);
            agent._engine = await GatewayEngine.Start(
                options.Engine, pod, agent._loops, agent._mesh, agent._certificates, agent._verifier, accessLog, loggers, stop);
            agent._warnings = new ListenerWarnings(agent._translator.Inventory, options.Name, agent._logger);
            agent._readiness.State = ReadinessState.Ready;
            agent.LogStarted(options.Name, pod, pod.Identity);
            return agent;
        }
        catch
        {
            await agent.DisposeAsync();
            throw;
        }
    }

    /// <summary>The mesh as this gateway knows it.</summary>
    public MeshState Mesh => _mesh;

    /// <summary>Completes once each event loop has come round, so that none of them is stuck.</summary>
    public Task Turn() => _loops.Turn();

    /// <summary>Stops in order: not ready any more, accepts nothing, tells clients, waits for requests under way up to the drain time.</summary>
    public async Task Drain()
    {
        _readiness.State = ReadinessState.Draining;
        if (_engine is not null)
            await _engine.Drain(_options.DrainTime);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _warnings?.Dispose();
        await _follower.DisposeAsync();
        if (_engine is not null)
            await _engine.DisposeAsync();
        if (_diagnostics is not null)
            await _diagnostics.DisposeAsync();
        await _certificates.DisposeAsync();
        _watchdog.Dispose();
        _loops.Dispose();
    }

    /// <summary>
    /// The pod this is: an instance of the Gateway that has one of our addresses. Waits for it, as its manifest may come after us.
    /// </summary>
    private async Task<Workload> FindPod(CancellationToken stop)
    {
        IReadOnlyList<IPAddress> own = OwnAddresses();
        var found = new TaskCompletionSource<Workload>(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable observation = _mesh.Observe(change =>
        {
            if (change.New is { } pod && IsOurs(pod))
                found.TrySetResult(pod);
        });
        if (!found.Task.IsCompleted)
            LogWaiting(_options.Name, string.Join(", ", own));
        return await found.Task.WaitAsync(stop);

        bool IsOurs(Workload pod) =>
            string.Equals(pod.Namespace, _options.Name.Namespace, StringComparison.Ordinal)
            && pod.Addresses.Any(own.Contains)
            && (pod.Gateway is null || pod.Gateway == _options.Name);
    }

    private IReadOnlyList<IPAddress> OwnAddresses() => _options.Engine.Namespace is { } ns ? ns.Addresses() : NetworkNamespace.OwnAddresses();

    private NodeSnapshots Snapshots(ICertificateAuthority authority) => new()
    {
        Node = _options.Name.ToString(),
        Mesh = _mesh,
        Resources = _translator.Inventory,
        Certificates = _ => ValueTask.FromResult<IReadOnlyList<CertificateDump>>([.. _certificates.Snapshot().Select(DumpMapping.ToDump)]),
        Authority = () => DumpMapping.ToDump(authority),
        Upstreams = _ => ValueTask.FromResult<IReadOnlyList<UpstreamDump>>([.. (_engine?.Traffic ?? []).Select(DumpMapping.ToDump)]),
        Pools = async _ => [.. (_engine is { } engine ? await engine.Tunnels() : []).Select(DumpMapping.ToDump)],
        Mirrors = () => _engine?.Mirrors is { } mirrors ? new MirrorDump(mirrors.Sent, mirrors.Failed, mirrors.Dropped) : null,
        PolicyObservations = policy => _engine?.Observations.Of(policy) is var (allowed, denied, audited) ? new PolicyObservationCounts(allowed, denied, audited) : null,
    };

    private Socket BindInPod(EndPoint endpoint) => _options.Engine.Namespace is { } ns ? ns.Run(() => Bind(endpoint)) : Bind(endpoint);

    private static Socket Bind(EndPoint endpoint)
    {
        var at = (IPEndPoint)endpoint;
        var socket = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (at.Address.Equals(IPAddress.IPv6Any))
            socket.DualMode = true;
        socket.Bind(at);
        return socket;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "gateway {Gateway} serves as pod {Pod} under {Identity}")]
    private partial void LogStarted(GatewayName gateway, Workload pod, SpiffeId identity);

    [LoggerMessage(Level = LogLevel.Warning, Message = "waiting for a pod of Gateway {Gateway} with one of our addresses ({Addresses})")]
    private partial void LogWaiting(GatewayName gateway, string addresses);
}

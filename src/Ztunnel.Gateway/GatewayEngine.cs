using System.Collections.Immutable;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Gateway;

/// <summary>
/// The L7 engine of one gateway pod: serves the Gateways the model says it is an instance of, as ingress gateway or waypoint,
/// and follows the model while it runs. A change takes effect on the next request; requests under way keep what they have.
/// </summary>
public sealed partial class GatewayEngine : IAsyncDisposable
{
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WithdrawnRootPatience = TimeSpan.FromSeconds(5);

    private readonly MeshState _mesh;
    private readonly CertificateStore _certificates;
    private readonly GatewayPod _pod;
    private readonly GatewayLoop[] _loops;
    private readonly ServiceProvider _services;
    private readonly ListenerTls _tls;
    private readonly HttpMessageInvoker _outside;
    private readonly TrafficTable _traffic;
    private readonly BackendForwarder _backends;
    private readonly RequestPipeline _pipeline;
    private readonly RequestsUnderWay _underWay = new();
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _refreshing = new(1);
    private readonly Timer _retry;
    private HttpServer? _server;
    private WaypointEntry? _waypoint;
    private StreamRelays? _relays;
    private ListenerPorts? _ports;
    private IDisposable? _gatewayObservation;
    private IDisposable? _workloadObservation;
    private IDisposable? _policyObservation;
    private volatile bool _stopping;
    private int _asked;
    private string? _servesNothing;

    private GatewayEngine(
        GatewayOptions options, Workload pod, EventLoopGroup loops, MeshState mesh, CertificateStore certificates, AccessLog accessLog, ILoggerFactory loggers)
    {
        _mesh = mesh;
        _certificates = certificates;
        _logger = loggers.CreateLogger<GatewayEngine>();
        _pod = new GatewayPod(pod);
        var originator = new TlsOriginator(mesh, _pod, _logger);
        _traffic = new TrafficTable(mesh, _pod, TimeProvider.System);
        _loops = [.. loops.Loops.Select(loop => new GatewayLoop(loop, pod.Identity, options.Namespace, certificates, options.Upstreams, originator, _logger))];
        // What goes wrong on the way is answered and told by us: the forwarder's own lines would come with each request.
        _services = new ServiceCollection().AddLogging(logging => logging.ClearProviders()).AddHttpForwarder().BuildServiceProvider();
        _tls = new ListenerTls(_pod, ListenerTls.Open, _logger);
        _backends = new BackendForwarder(mesh, _pod, _traffic, _services.GetRequiredService<IHttpForwarder>(), options.Limits);
        _outside = OutsideClient.Create(mesh, _pod, _loops[0]);
        var keys = new KeySetCache(_outside, TimeProvider.System, loggers.CreateLogger<KeySetCache>());
        Observations = new RequestObservations(loggers.CreateLogger<RequestObservations>());
        var guard = new RequestGuard(mesh, _pod, new RequestAuthenticator(keys, TimeProvider.System), Observations);
        _pipeline = new RequestPipeline(mesh, _pod, _loops, guard, _backends, options.Limits, _underWay, new RequestLog(accessLog, mesh, _underWay));
        _retry = new Timer(_ => Refresh(), null, Timeout.Infinite, Timeout.Infinite);
        certificates.Request(pod.Identity);
    }

    /// <summary>What policies that are only watched have found.</summary>
    public RequestObservations Observations { get; }

    /// <summary>What is under way to services that DestinationRules are about, and which of their endpoints are left out.</summary>
    public IReadOnlyList<TrafficSnapshot> Traffic => _traffic.Snapshot();

    /// <summary>What became of copies of requests.</summary>
    public MirrorCounts Mirrors => _backends.Mirrors;

    /// <summary>Starts serving.</summary>
    /// <param name="options">How the gateway behaves.</param>
    /// <param name="pod">The pod that it is; its identity is the gateway's.</param>
    /// <param name="loops">The loops it runs on.</param>
    /// <param name="mesh">The model.</param>
    /// <param name="certificates">Where its own certificate is from.</param>
    /// <param name="verifier">The rule that peers in the mesh must pass.</param>
    /// <param name="accessLog">Where requests are logged.</param>
    /// <param name="loggers">Where it logs.</param>
    /// <param name="stop">Gives up starting.</param>
    public static async Task<GatewayEngine> Start(
        GatewayOptions options,
        Workload pod,
        EventLoopGroup loops,
        MeshState mesh,
        CertificateStore certificates,
        MeshPeerVerifier verifier,
        AccessLog accessLog,
        ILoggerFactory loggers,
        CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(pod);
        ArgumentNullException.ThrowIfNull(loops);
        ArgumentNullException.ThrowIfNull(mesh);
        ArgumentNullException.ThrowIfNull(certificates);
        var engine = new GatewayEngine(options, pod, loops, mesh, certificates, accessLog, loggers);
        engine._server = await HttpServer.Start(new HttpApplication(engine.Answer), options.Limits, loggers, stop);
        var intake = new ConnectionIntake(engine._server, options.Limits);
        var clients = new ClientCount(options.Limits.Connections, TimeProvider.System, engine._logger);
        var raw = new RawUpstream(mesh, engine._pod, engine._traffic, options.RelayIdleTimeout);
        engine._waypoint = new WaypointEntry(options, engine._pod, mesh, certificates, verifier, engine._loops, intake, raw, clients, engine._logger);
        engine._relays = new StreamRelays(engine._pod, mesh, engine._loops, raw);
        engine._ports = new ListenerPorts(options, loops, engine._pod, engine._tls, intake, engine._waypoint, engine._relays, clients, engine._logger);
        certificates.RootsWithdrawn += engine.OnRootsWithdrawn;
        engine._gatewayObservation = mesh.ObserveHttpGateways(_ => engine.RefreshLater());
        engine._workloadObservation = mesh.Observe(engine.OnWorkloadChange);
        engine._policyObservation = mesh.Policies.Observe(_ => engine.ReviewRelays());
        engine.Refresh();
        return engine;
    }

    /// <summary>
    /// Stops in order: accepts nothing more, tells clients and peers to go elsewhere, gives requests under way
    /// <paramref name="patience"/>, and breaks off the rest.
    /// </summary>
    public async Task Drain(TimeSpan patience)
    {
        bool first = !_stopping;
        _stopping = true;
        _underWay.Stop(patience);
        if (first)
            LogStopping(patience.TotalSeconds, _underWay.Count);
        await _refreshing.WaitAsync();
        _ports!.Dispose();
        _refreshing.Release();
        await Task.WhenAll(_server!.Drain(patience), _waypoint!.Drain(patience), _relays!.Drain(patience));
        await Task.WhenAll(_loops.Select(on => on.Loop.RunAsync(() => on.Connector.Drain(TimeSpan.FromSeconds(1)))));
        if (first)
            LogStopped(_underWay.BrokenOff);
    }

    /// <summary>Stops at once. Use <see cref="Drain"/> first to stop in order.</summary>
    public async ValueTask DisposeAsync()
    {
        _gatewayObservation?.Dispose();
        _workloadObservation?.Dispose();
        _policyObservation?.Dispose();
        _certificates.RootsWithdrawn -= OnRootsWithdrawn;
        await _retry.DisposeAsync();
        await Drain(TimeSpan.Zero);
        await _server!.DisposeAsync();
        _relays!.Dispose();
        _outside.Dispose();
        foreach (GatewayLoop on in _loops)
        {
            await on.Loop.RunAsync(() =>
            {
                on.Dispose();
                return Task.CompletedTask;
            });
        }

        _tls.Dispose();
        _certificates.Release(_pod.Workload.Identity);
        await _services.DisposeAsync();
        _refreshing.Dispose();
    }

    /// <summary>The tunnels to the mesh there are now.</summary>
    public async Task<IReadOnlyList<TunnelSnapshot>> Tunnels()
    {
        TunnelSnapshot[][] each = await Task.WhenAll(_loops.Select(on => on.Loop.RunAsync(() => Task.FromResult(on.Connector.Tunnels().ToArray()))));
        return [.. each.SelectMany(tunnels => tunnels)];
    }

    private Task Answer(HttpContext http) => _pipeline.Answer(http);

    private void OnWorkloadChange(WorkloadChange change)
    {
        Workload subject = change.Subject;
        if (string.Equals(subject.Uid, _pod.Workload.Uid, StringComparison.Ordinal) && change.New is { } newest && newest.Identity == _pod.Workload.Identity)
        {
            _pod.Workload = newest;
            RefreshLater();
        }

        if (change.Old is null || (change.New is { } now && now.Ambient == change.Old.Ambient && now.Identity == change.Old.Identity))
            return;
        foreach (GatewayLoop on in _loops)
            on.Loop.Post(_ => on.Connector.Evict(subject.Uid), null);
    }

    private void OnRootsWithdrawn(object? sender, EventArgs e) => _waypoint!.EndDistrusted(WithdrawnRootPatience);

    /// <summary>Policies have changed: what is relayed and would not be let in now is cut.</summary>
    private void ReviewRelays()
    {
        foreach (GatewayLoop on in _loops)
            on.Relays.ReviewLater();
    }

    /// <summary>However many changes come at once, what is served is made anew once or twice.</summary>
    private void RefreshLater()
    {
        if (Interlocked.Exchange(ref _asked, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static engine => engine.Refresh(), this, preferLocal: false);
    }

    /// <summary>Makes what is served what the model says now.</summary>
    private void Refresh()
    {
        try
        {
            _refreshing.Wait();
        }
        catch (ObjectDisposedException)
        {
            return;
        }

        try
        {
            Interlocked.Exchange(ref _asked, 0);
            if (_stopping)
                return;
            ImmutableArray<HttpGateway> gateways = _mesh.HttpGatewaysOf(_pod.Workload);
            // Its own also where the model does not know it as a gateway: policies attached to it count as long as it serves.
            _pod.Gateways = [.. gateways.Select(gateway => gateway.Name), .. _pod.Workload.Gateway is { } own ? new[] { own } : []];
            var ports = new PortTable(HttpPort.Of(gateways), port => _mesh.PodPorts(_pod.Workload, port));
            bool all = _tls.Update(ports);
            _pod.Ports = ports;
            all &= _ports!.Update(gateways.Any(gateway => gateway.Waypoint));
            TellIfNothingIsServed(gateways);
            if (!all)
                TryAgainLater();
        }
        catch (Exception e)
        {
            LogRefreshFailed(e);
            TryAgainLater();
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>Says so once for each reason: a gateway that waits at no port looks like one that is not there.</summary>
    private void TellIfNothingIsServed(ImmutableArray<HttpGateway> gateways)
    {
        bool serves = _pod.Ports.PodPorts.Any() || gateways.Any(gateway => gateway.Waypoint);
        string? reason = serves ? null : WhyNothingIsServed(gateways);
        if (reason is not null && !string.Equals(reason, _servesNothing, StringComparison.Ordinal))
            LogServesNothing(_pod.Workload, reason);
        _servesNothing = reason;
    }

    private string WhyNothingIsServed(ImmutableArray<HttpGateway> gateways)
    {
        if (!gateways.IsEmpty)
            return $"no listener of {string.Join(", ", gateways.Select(gateway => gateway.Name))} can be served, or no port of its service leads to this pod";
        return _pod.Workload.Gateway switch
        {
            null => "it has no label gateway.networking.k8s.io/gateway-name, and is no endpoint of a service that a Gateway's spec.addresses names",
            var own when _mesh.HttpGatewayOf(own) is not null => $"Gateway {own} is served by the services that its spec.addresses names, and this pod is an endpoint of none",
            var own => $"Gateway {own} does not exist, has a class that is not served here, or has no listener that can be served",
        };
    }

    private void TryAgainLater()
    {
        try
        {
            _retry.Change(Again, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // The engine has stopped meanwhile.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "pod {Pod} serves no listener of any Gateway: {Reason}; what holds a Gateway up is said in `status` in /config_dump")]
    private partial void LogServesNothing(Workload pod, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopping: waiting up to {Seconds} s for {Requests} requests")]
    private partial void LogStopping(double seconds, int requests);

    [LoggerMessage(Level = LogLevel.Information, Message = "stopped; {Requests} requests were broken off")]
    private partial void LogStopped(int requests);

    [LoggerMessage(Level = LogLevel.Error, Message = "a change could not be taken over, and will be tried again; what was served before goes on")]
    private partial void LogRefreshFailed(Exception error);
}

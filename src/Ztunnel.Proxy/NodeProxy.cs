using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Ztunnel.Hbone;
using Ztunnel.Hbone.Pool;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// The data path of one node: takes pods on as they are enrolled and lets them go, each with listeners in its own
/// namespace, over a group of event loops they share.
/// </summary>
public sealed partial class NodeProxy : IAsyncDisposable
{
    private static readonly TimeSpan DrainPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan TunnelGrace = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<PodProxy, byte> _pods = new();
    private readonly LocalPods _localPods = new();
    private readonly EventLoopGroup _loops;
    private readonly ProxyLoop[] _perLoop;
    private readonly Ejections _ejections;
    private readonly ProxyOptions _options;
    private readonly MeshState _mesh;
    private readonly CertificateStore _certificates;
    private readonly MeshPeerVerifier _verifier;
    private readonly IDisposable _observation;
    private readonly PolicyReview? _review;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile bool _yielded;

    /// <summary>A data path without pods. The loops stay the caller's to stop, after this.</summary>
    public NodeProxy(
        ProxyOptions options,
        EventLoopGroup loops,
        MeshState mesh,
        CertificateStore certificates,
        MeshPeerVerifier verifier,
        AccessLog accessLog,
        ILogger<NodeProxy> logger,
        TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loops);
        ArgumentNullException.ThrowIfNull(mesh);
        _options = options;
        _loops = loops;
        _mesh = mesh;
        _certificates = certificates;
        _verifier = verifier;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _ejections = new Ejections(options.Ejection, _time);
        var tunnels = new TunnelClient(certificates, options, logger);
        _perLoop = [.. loops.Loops.Select(loop => new ProxyLoop(loop, tunnels, _ejections, accessLog, _time))];
        PolicyObservations = new PolicyObservations(logger);
        _review = options.PolicyCutsOpenConnections ? new PolicyReview(mesh, _perLoop) : null;
        _observation = mesh.Observe(OnWorkloadChange);
        certificates.RootsWithdrawn += OnRootsWithdrawn;
    }

    /// <summary>What policies that are only watched found of the connections so far.</summary>
    public PolicyObservations PolicyObservations { get; }

    /// <summary>Sockets of an earlier agent to listen with, to be filled before pods are admitted.</summary>
    public InheritedListeners Inherited { get; } = new();

    /// <summary>
    /// Takes a pod on: asks for its certificate and listens inside <paramref name="namespace"/>, which stays the caller's and
    /// must outlive <see cref="Release"/>. Throws <see cref="ChannelException"/> when a port is taken in there; nothing is
    /// left behind then.
    /// </summary>
    public PodProxy Admit(Workload workload, NetworkNamespace @namespace)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(@namespace);
        var pod = new PodProxy(workload, @namespace, _options, _mesh, PolicyObservations, _loops, _time, Relieve);
        _certificates.Request(pod.Identity);
        _pods.TryAdd(pod, 0);
        // A change that came before it was in the table has passed it by.
        if (_mesh.WorkloadByUid(workload.Uid) is { } newest)
            pod.Workload = newest;
        try
        {
            var outbound = new OutboundListener(pod, _mesh, _localPods, _options);
            var inbound = new InboundListener(pod, _mesh, _certificates, _verifier, _options, _logger);
            var plaintext = new PlaintextListener(pod, _mesh);
            Listen(pod, CaptureContract.OutboundPort, _options.Application, outbound.Serve);
            Listen(pod, CaptureContract.HbonePort, _options.Transport, inbound.Serve);
            Listen(pod, CaptureContract.PlaintextPort, _options.Application, plaintext.Serve);
            _localPods.Add(pod);
            return pod;
        }
        catch
        {
            Forget(pod);
            throw;
        }
    }

    /// <summary>
    /// Lets a pod go: stops accepting before it returns, then waits for what is open, at most <paramref name="patience"/>, and
    /// breaks off the rest. The same pod may be admitted anew meanwhile.
    /// </summary>
    public async Task Release(PodProxy pod, TimeSpan patience)
    {
        ArgumentNullException.ThrowIfNull(pod);
        StopListening(pod);
        await Task.WhenAll(_perLoop.Select(on => on.Loop.RunAsync(() => DrainPod(on, pod, patience))));
        Forget(pod);
    }

    /// <summary>
    /// The listening sockets of all pods, for another process to accept from too. Until one of the two calls
    /// <see cref="OwnListeners"/> whichever stops leaves them to the other.
    /// </summary>
    public IReadOnlyList<SharedListener> ShareListeners() => [.. _pods.Keys.SelectMany(pod => pod.Share())];

    /// <summary>The process that listening sockets were shared with, or inherited from, has left them.</summary>
    public void OwnListeners()
    {
        foreach (PodProxy pod in _pods.Keys)
            pod.OwnListeners();
    }

    /// <summary>
    /// Leaves all listening sockets to the process they were shared with and accepts nothing more. Connections accepted before,
    /// and tunnels on connections of peers, go on; <see cref="Drain"/> is to follow.
    /// </summary>
    public async Task YieldListeners()
    {
        _yielded = true;
        await Task.WhenAll(_pods.Keys.Select(pod => pod.YieldListeners()));
    }

    /// <summary>The connections open now, in no order.</summary>
    public Task<IReadOnlyList<ConnectionSnapshot>> Connections() =>
        Gather(static on => on.Open.Select(connection => connection.Snapshot()));

    /// <summary>The endpoints that could not be connected to of late, in no order.</summary>
    public IReadOnlyList<EjectionSnapshot> Ejections() => _ejections.Snapshot();

    /// <summary>The pooled connections to peers, in no order.</summary>
    public Task<IReadOnlyList<TunnelSnapshot>> Tunnels() => Gather(static on => on.Tunnels.Snapshot().Select(peer => Describe(on, peer)));

    /// <summary>
    /// Stops in order: accepts nothing more, tells peers so (GOAWAY) and waits for what is open, at most
    /// <paramref name="patience"/>; then breaks off the rest. Returns how many connections it broke off.
    /// </summary>
    public async Task<int> Drain(TimeSpan patience)
    {
        // Pods whose listeners another process has now are not gone: what is on its way to them still gets there.
        foreach (PodProxy pod in _yielded ? [] : _pods.Keys)
            StopListening(pod);
        int[] broken = await Task.WhenAll(_perLoop.Select(on => on.Loop.RunAsync(() => DrainLoop(on, patience))));
        return broken.Sum();
    }

    /// <summary>Lets all pods go at once. Use <see cref="Drain"/> first to stop in order.</summary>
    public async ValueTask DisposeAsync()
    {
        _observation.Dispose();
        _review?.Dispose();
        _certificates.RootsWithdrawn -= OnRootsWithdrawn;
        Inherited.Dispose();
        foreach (PodProxy pod in _pods.Keys)
            await Release(pod, TimeSpan.Zero);
    }

    private static async Task DrainPod(ProxyLoop on, PodProxy pod, TimeSpan patience)
    {
        on.Tunnels.Evict(key => key.Pod == pod);
        Task[] peers = [.. on.Peers.Where(peer => peer.Value == pod).Select(peer => peer.Key.DrainAsync(patience))];
        await UntilNothingIsOpen(on, pod, patience);
        Break(on, pod, "the pod left the mesh");
        await Task.WhenAll(peers);
    }

    /// <summary>Returns how many connections it broke off.</summary>
    private static async Task<int> DrainLoop(ProxyLoop on, TimeSpan patience)
    {
        // Tunnels have more patience than we, so that it is we who break off what they carry, count it and say why.
        TimeSpan longer = patience + TunnelGrace;
        on.DrainTime = longer;
        Task[] peers = [.. on.Peers.Keys.Select(peer => peer.DrainAsync(longer))];
        await UntilNothingIsOpen(on, pod: null, patience);
        int broken = Break(on, pod: null, "the agent is stopping");
        // Only now: a connection accepted just before may have waited for a tunnel.
        await Task.WhenAll([.. peers, .. on.Peers.Keys.Select(peer => peer.DrainAsync(longer)), on.Tunnels.DrainAsync(TunnelGrace)]);
        return broken;
    }

    private static async Task UntilNothingIsOpen(ProxyLoop on, PodProxy? pod, TimeSpan patience)
    {
        long started = on.Time.GetTimestamp();
        while ((on.AnyHandshake(pod) || on.OpenOf(pod).Any()) && on.Time.GetElapsedTime(started) < patience)
            await on.Loop.DelayAsync(DrainPoll);
    }

    private static int Break(ProxyLoop on, PodProxy? pod, string reason)
    {
        OpenConnection[] open = [.. on.OpenOf(pod)];
        foreach (OpenConnection connection in open)
            connection.Abort(new ChannelFailure(FailureKind.Closed, reason));
        return open.Count(connection => !connection.IsOtherEnd);
    }

    private static TunnelSnapshot Describe(ProxyLoop on, HbonePeer<TunnelKey> peer) => new(
        on.Loop.Index,
        peer.Key.Source,
        peer.Key.Destination,
        peer.Key.NextHop,
        peer.Connections.Count,
        peer.Connections.Sum(connection => connection.OpenStreams),
        peer.LastFailure?.Detail);

    private void Listen(PodProxy pod, int port, TcpOptions options, Func<ProxyLoop, TcpConnection, ValueTask> serve)
    {
        var listen = new TcpListenOptions { Connection = options, ReusePort = true };
        pod.Listen(port, listen, _loops, Inherited, connection => Run(serve, connection));
    }

    /// <summary>Starts serving one accepted connection; a fault of ours costs this connection and is logged.</summary>
    private async void Run(Func<ProxyLoop, TcpConnection, ValueTask> serve, TcpConnection connection)
    {
        try
        {
            await serve(_perLoop[connection.Loop.Index], connection);
        }
        catch (Exception e)
        {
            LogFault(connection.RemoteEndPoint.ToString(), e);
            connection.Dispose();
        }
    }

    private void OnWorkloadChange(WorkloadChange change)
    {
        Workload subject = change.Subject;
        if (change.New is { } changed)
        {
            foreach (PodProxy pod in _pods.Keys.Where(pod => pod.Workload.Uid == subject.Uid))
            {
                pod.Workload = changed;
                if (change.Old is { } old && !old.Labels.Equals(changed.Labels))
                    _review?.Request(changed.Namespace);
            }
        }

        if (change.New is null || change is { Old.Ambient: true, New.Ambient: false })
            _ = OnEachLoop(on => on.Tunnels.Evict(key => key.DestinationUid == subject.Uid));
    }

    /// <summary>Too much is held for a pod: its greediest connections end, until what is held is within the limit.</summary>
    private void Relieve(PodProxy pod) => _ = RelieveOnEachLoop(pod);

    private async Task RelieveOnEachLoop(PodProxy pod)
    {
        try
        {
            await OnEachLoop(on => Relieve(on, pod));
        }
        catch (ObjectDisposedException)
        {
            // The loops have ended, and what was held with them.
        }

        pod.Memory.Rearm();
    }

    private void Relieve(ProxyLoop on, PodProxy pod)
    {
        var failure = new ChannelFailure(FailureKind.Local, ConnectionQuota.OverMemory(_options.Limits));
        foreach (OpenConnection connection in on.OpenOf(pod).Where(connection => connection.Held > 0).OrderByDescending(connection => connection.Held).ToArray())
        {
            if (!pod.Memory.IsOver)
                return;
            connection.Abort(failure);
        }
    }

    private void OnRootsWithdrawn(object? sender, EventArgs e) => _ = OnEachLoop(on =>
    {
        foreach (HboneConnection connection in on.Peers.Keys.Concat(on.Tunnels.Connections).ToArray())
        {
            if (connection.Transport is TlsConnection tls && !_certificates.Trusts(tls.PeerRootDer))
                _ = connection.DrainAsync(_options.WithdrawnRootPatience);
        }
    });

    private void StopListening(PodProxy pod)
    {
        _localPods.Remove(pod);
        pod.StopListening();
    }

    private void Forget(PodProxy pod)
    {
        StopListening(pod);
        if (_pods.TryRemove(pod, out _))
            _certificates.Release(pod.Identity);
    }

    private async Task<IReadOnlyList<T>> Gather<T>(Func<ProxyLoop, IEnumerable<T>> select)
    {
        var all = new ConcurrentBag<T>();
        await OnEachLoop(on =>
        {
            foreach (T item in select(on))
                all.Add(item);
        });
        return [.. all];
    }

    private Task OnEachLoop(Action<ProxyLoop> action) =>
        Task.WhenAll(_perLoop.Select(on => on.Loop.RunAsync(() =>
        {
            action(on);
            return Task.CompletedTask;
        })));

    [LoggerMessage(Level = LogLevel.Error, Message = "a connection from {Client} was dropped by a fault of ours")]
    private partial void LogFault(string client, Exception fault);
}

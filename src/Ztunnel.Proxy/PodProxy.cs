using System.Collections.Immutable;
using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Socket = System.Net.Sockets.Socket;

namespace Ztunnel.Proxy;

/// <summary>
/// One pod of this node as the data path sees it: its namespace, in which our listeners and all sockets made on its behalf
/// live, and the identity those speak under.
/// </summary>
public sealed class PodProxy
{
    private readonly NetworkNamespace _namespace;
    private readonly ProxyOptions _options;
    private readonly TcpOptions _borrowedSource;
    private readonly LoopShare[] _shares;
    private readonly ImmutableArray<IPAddress> _admitted;
    private ImmutableArray<TcpListener> _listeners = [];
    private Workload _workload;
    private volatile bool _stopped;

    internal PodProxy(
        Workload workload,
        NetworkNamespace @namespace,
        ProxyOptions options,
        MeshState mesh,
        PolicyObservations observations,
        EventLoopGroup loops,
        TimeProvider time,
        Action<PodProxy> holdsTooMuch)
    {
        _workload = workload;
        _admitted = workload.Addresses;
        Gate = new InboundGate(this, mesh, observations, options.IsTrustedNode);
        _namespace = @namespace;
        _options = options;
        Identity = workload.Identity;
        Memory = new BufferAccount(options.Limits.HeldBytes, () => holdsTooMuch(this));
        Inbound = new ConnectionQuota(options.Limits, Memory, time);
        Outbound = new ConnectionQuota(options.Limits, Memory, time);
        _shares = [.. loops.Loops.Select(loop => new LoopShare(loop))];
        _borrowedSource = options.Application with { Transparent = true, BindAddressNoPort = true };
    }

    /// <summary>Who its connections are made and accepted as, for as long as it is admitted.</summary>
    public SpiffeId Identity { get; }

    /// <summary>The pod in its newest form.</summary>
    public Workload Workload
    {
        get => Volatile.Read(ref _workload);
        internal set => Volatile.Write(ref _workload, value);
    }

    /// <summary>Its namespace, by <see cref="IO.NetworkNamespace.Inode"/>.</summary>
    internal ulong NetworkNamespace => _namespace.Inode;

    /// <summary>Whether it still takes connections.</summary>
    internal bool IsListening => !_stopped;

    /// <summary>What every connection to the pod's application passes.</summary>
    internal InboundGate Gate { get; }

    /// <summary>Connections to the pod.</summary>
    internal ConnectionQuota Inbound { get; }

    /// <summary>Connections the pod opens.</summary>
    internal ConnectionQuota Outbound { get; }

    /// <summary>What is held for receivers of its connections.</summary>
    internal BufferAccount Memory { get; }

    /// <summary>See <see cref="ProxyOptions.HalfClosedTimeout"/>.</summary>
    internal TimeSpan HalfClosedTimeout => _options.HalfClosedTimeout;

    /// <summary>Its part of a loop.</summary>
    internal LoopShare ShareOf(EventLoop loop) => _shares[loop.Index];

    /// <summary>
    /// Listens on <paramref name="port"/> inside the pod's namespace, on every address of each family the namespace has.
    /// Throws <see cref="ChannelException"/> when the port is taken there.
    /// </summary>
    internal void Listen(int port, TcpListenOptions options, EventLoopGroup loops, InheritedListeners inherited, Action<TcpConnection> accepted)
    {
        IPAddress[] families = Socket.OSSupportsIPv6 ? [IPAddress.Any, IPAddress.IPv6Any] : [IPAddress.Any];
        foreach (IPAddress address in families)
        {
            var at = new IPEndPoint(address, port);
            TcpListener listener = inherited.Take((_namespace.Inode, at)) is { } before
                ? TcpListener.Adopt(before, options)
                : TcpListener.Listen(_namespace, at, options);
            _listeners = _listeners.Add(listener);
            listener.Start(loops.LeastLoaded(), loops.Loops, accepted);
        }
    }

    /// <summary>Its listening sockets, for another process to accept from too.</summary>
    internal IEnumerable<SharedListener> Share() => _listeners
        .Select(listener => listener.Share() is { } socket ? new SharedListener(_namespace.Inode, listener.LocalEndPoint, socket) : null)
        .OfType<SharedListener>();

    /// <summary>Its listening sockets are this process's alone from now on.</summary>
    internal void OwnListeners()
    {
        foreach (TcpListener listener in _listeners)
            listener.Own();
    }

    /// <summary>Leaves the listening sockets to those they were shared with.</summary>
    internal Task YieldListeners() => Task.WhenAll(_listeners.Select(listener => listener.Yield()));

    /// <summary>Whether <paramref name="destination"/> is one of our own listeners, reached without being captured.</summary>
    internal bool IsOwnListener(IPEndPoint destination) =>
        destination.Port is CaptureContract.OutboundPort or CaptureContract.PlaintextPort or CaptureContract.HbonePort && Owns(destination.Address);

    /// <summary>Whether <paramref name="address"/> is the pod's. While the model does not know its addresses, those it was admitted with are.</summary>
    internal bool Owns(IPAddress address) => (Workload.Addresses is { IsEmpty: false } known ? known : _admitted).Contains(address);

    /// <summary>Connects out of the pod's namespace, from the pod's own address, to where an application wanted to go.</summary>
    internal ValueTask<TcpConnection> Connect(EventLoop loop, IPEndPoint destination) =>
        TcpConnection.ConnectAsync(loop, _namespace, source: null, destination, _options.Application, _options.ConnectTimeout);

    /// <summary>Connects out of the pod's namespace, from the pod's own address, to a peer's HBONE port.</summary>
    internal ValueTask<TcpConnection> ConnectTransport(EventLoop loop, IPEndPoint nextHop, CancellationToken cancellationToken) =>
        TcpConnection.ConnectAsync(loop, _namespace, source: null, nextHop, _options.Transport, _options.ConnectTimeout, cancellationToken);

    /// <summary>
    /// Connects to the pod's application from <paramref name="client"/>'s address, which is not ours: the application sees who
    /// really connects. The source port is the kernel's choice, as the client's own may be in use towards us.
    /// </summary>
    internal ValueTask<TcpConnection> ConnectToApplication(
        EventLoop loop, IPAddress client, IPEndPoint application, CancellationToken cancellationToken) =>
        TcpConnection.ConnectAsync(
            loop, _namespace, new IPEndPoint(client, 0), application, _borrowedSource, _options.ConnectTimeout, cancellationToken);

    /// <summary>Stops accepting; what was accepted lives on.</summary>
    internal void StopListening()
    {
        _stopped = true;
        foreach (TcpListener listener in _listeners)
            listener.Stop();
    }
}

using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Ztunnel.Hbone;
using Ztunnel.Hbone.Pool;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Mesh;
using Ztunnel.Proxy;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// A waypoint reduced to what a node has to do with it: terminates HBONE on port 15008 of its pod, notes who wanted what, and
/// passes the bytes on to the endpoint the test names, as an HBONE client under its own identity.
/// </summary>
internal sealed class FakeWaypoint : IAsyncDisposable
{
    private readonly LabPod _pod;
    private readonly SpiffeId _identity;
    private readonly Func<string, IPEndPoint> _resolve;
    private readonly EventLoop _loop;
    private readonly MeshPeerVerifier _verifier = new(["cluster.local"]);
    private readonly CertificateStore _certificates;
    private readonly HbonePool<NetworkAddress> _upstream;
    private readonly List<TcpListener> _listeners = [];

    private FakeWaypoint(LabPod pod, string account, ICertificateAuthority authority, Func<string, IPEndPoint> resolve)
    {
        _pod = pod;
        _identity = SpiffeId.Create("cluster.local", pod.Namespace, account);
        _resolve = resolve;
        _loop = EventLoop.Start(0);
        _certificates = new CertificateStore(authority, _verifier);
        _certificates.Request(_identity);
        _upstream = new HbonePool<NetworkAddress>(_loop, Connect);
    }

    /// <summary>What was asked of it so far.</summary>
    public ConcurrentQueue<WaypointVisit> Visits { get; } = [];

    /// <summary>Serves in a pod, under an identity of the lab's authority. <paramref name="resolve"/> says which endpoint an authority means.</summary>
    public static FakeWaypoint Start(LabPod pod, string account, MeshLab mesh, Func<string, IPEndPoint> resolve)
    {
        var waypoint = new FakeWaypoint(pod, account, mesh.Authority, resolve);
        foreach (IPAddress any in new[] { IPAddress.Any, IPAddress.IPv6Any })
        {
            TcpListener listener = TcpListener.Listen(
                pod.NetworkNamespace, new IPEndPoint(any, CaptureContract.HbonePort), new TcpListenOptions { Connection = new TcpOptions() });
            waypoint._listeners.Add(listener);
            listener.Start(waypoint._loop, [waypoint._loop], transport => _ = waypoint.Serve(transport));
        }

        return waypoint;
    }

    /// <summary>An authority that is an address, as itself.</summary>
    public static IPEndPoint AsAddress(string authority) => IPEndPoint.Parse(authority);

    public async ValueTask DisposeAsync()
    {
        foreach (TcpListener listener in _listeners)
            listener.Dispose();
        await _loop.RunAsync(() => _upstream.DrainAsync(TimeSpan.Zero));
        await _certificates.DisposeAsync();
        _loop.Dispose();
    }

    private async Task Serve(TcpConnection transport)
    {
        try
        {
            TlsContext context = await _certificates.GetTlsContext(_identity, CancellationToken.None);
            TlsConnection tls = await TlsConnection.AcceptAsync(transport, context, MeshLab.Patience);
            string peer = _verifier.IdentityOf(tls.PeerCertificateDer)!.ToString();
            await HboneConnection.Serve(tls, incoming => Pass(incoming, peer, transport.RemoteEndPoint.Address)).Completion;
        }
        catch (ChannelException)
        {
            transport.Dispose();
        }
    }

    private async ValueTask Pass(IncomingConnect incoming, string peer, IPAddress from)
    {
        Visits.Enqueue(new WaypointVisit(_pod.Name, incoming.Authority, peer, from));
        IPEndPoint endpoint = _resolve(incoming.Authority);
        ConnectOutcome outcome = await _upstream.OpenAsync(
            NetworkAddress.From(endpoint.Address), new ConnectRequest(endpoint.ToString()));
        if (outcome is not ConnectOutcome.Opened { Stream: var server })
        {
            incoming.Refuse(503);
            return;
        }

        using (server)
        using (HboneStream client = incoming.Accept())
            await new Relay(client, server).RunAsync();
    }

    private async ValueTask<Channel> Connect(NetworkAddress peer, CancellationToken cancellationToken)
    {
        TlsContext context = await _certificates.GetTlsContext(_identity, cancellationToken);
        TcpConnection transport = await TcpConnection.ConnectAsync(
            _loop,
            _pod.NetworkNamespace,
            source: null,
            new IPEndPoint(peer.ToIPAddress(), CaptureContract.HbonePort),
            new TcpOptions(),
            MeshLab.Patience,
            cancellationToken);
        return await TlsConnection.ConnectAsync(transport, context, expectation: null, MeshLab.Patience, cancellationToken);
    }
}

/// <summary>A tunnel asked of a <see cref="FakeWaypoint"/>.</summary>
/// <param name="Waypoint">The waypoint's pod.</param>
/// <param name="Authority">What the tunnel was to lead to.</param>
/// <param name="Peer">Who asked.</param>
/// <param name="From">From which address.</param>
internal sealed record WaypointVisit(string Waypoint, string Authority, string Peer, IPAddress From)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Waypoint} {Authority} {Peer} {From}");
}

using Ztunnel.Hbone;
using Ztunnel.Hbone.Pool;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Gateway;

/// <summary>
/// Opens what carries requests on from a gateway: a plain connection to what is not in the mesh, a tunnel under the gateway's
/// own identity to what is. One for each loop; loop thread only.
/// </summary>
internal sealed class UpstreamConnector
{
    /// <summary>The most that Linux takes (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPCNT).</summary>
    private static readonly TimeSpan LongestKeepAlive = TimeSpan.FromSeconds(32767);
    private const int MostProbes = 127;

    private readonly EventLoop _loop;
    private readonly UpstreamOptions _options;
    private readonly CertificateStore _certificates;
    private readonly NetworkNamespace? _namespace;
    private readonly HbonePool<TunnelKey> _tunnels;

    public UpstreamConnector(
        EventLoop loop, SpiffeId identity, NetworkNamespace? @namespace, CertificateStore certificates, UpstreamOptions options, Microsoft.Extensions.Logging.ILogger logger)
    {
        _loop = loop;
        Identity = identity;
        _namespace = @namespace;
        _certificates = certificates;
        _options = options;
        _tunnels = new HbonePool<TunnelKey>(
            loop, ConnectPeer, new HbonePoolOptions { Connection = options.Hbone, ConnectTimeout = options.ConnectTimeout }, logger);
    }

    /// <summary>Who the gateway is to those it connects to.</summary>
    public SpiffeId Identity { get; }

    /// <summary>Connects along a route. Throws <see cref="ChannelException"/>.</summary>
    /// <param name="route">The route.</param>
    /// <param name="pool">What the service's rule says of connections; null for nothing.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Channel> Connect(Route route, ConnectionPool? pool, CancellationToken cancellationToken)
    {
        switch (route)
        {
            case Route.Passthrough { Destination: { } destination }:
                return await TcpConnection.ConnectAsync(
                    _loop,
                    _namespace,
                    source: null,
                    destination,
                    pool?.KeepAlive is { } keepAlive ? With(keepAlive) : _options.Transport,
                    pool?.ConnectTimeout ?? _options.ConnectTimeout,
                    cancellationToken);
            case Route.Tunnel tunnel:
                return await OpenTunnel(tunnel, cancellationToken);
            default:
                throw new ChannelException(new ChannelFailure(FailureKind.Unreachable, (route as Route.Deny)?.Detail ?? "no way to the destination"));
        }
    }

    /// <summary>Lets go of the tunnels to a workload that is gone or is another now.</summary>
    public void Evict(string uid) => _tunnels.Evict(key => string.Equals(key.DestinationUid, uid, StringComparison.Ordinal));

    /// <summary>The tunnels there are now.</summary>
    public IEnumerable<TunnelSnapshot> Tunnels() => _tunnels.Snapshot().Select(peer => new TunnelSnapshot(
        _loop.Index,
        peer.Key.Source,
        peer.Key.Destination,
        peer.Key.NextHop,
        peer.Connections.Count,
        peer.Connections.Sum(connection => connection.OpenStreams),
        peer.LastFailure?.Detail));

    /// <summary>Ends the tunnels in order.</summary>
    public Task Drain(TimeSpan patience) => _tunnels.DrainAsync(patience);

    private TcpOptions With(TcpKeepAlive keepAlive) => _options.Transport with
    {
        KeepAliveIdle = keepAlive.Idle is { } idle ? Min(idle, LongestKeepAlive) : _options.Transport.KeepAliveIdle,
        KeepAliveInterval = keepAlive.Interval is { } interval ? Min(interval, LongestKeepAlive) : _options.Transport.KeepAliveInterval,
        KeepAliveProbes = keepAlive.Probes is { } probes ? Math.Min(probes, MostProbes) : _options.Transport.KeepAliveProbes,
    };

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private async Task<Channel> OpenTunnel(Route.Tunnel route, CancellationToken cancellationToken)
    {
        var key = new TunnelKey(Identity, route.Destination.Uid, route.Destination.Identity, route.NextHop);
        return await _tunnels.OpenAsync(key, new ConnectRequest(route.Authority), cancellationToken) switch
        {
            ConnectOutcome.Opened { Stream: var stream } => stream,
            ConnectOutcome.Refused { Status: var status } =>
                throw new ChannelException(new ChannelFailure(FailureKind.Refused, $"the peer answered the tunnel request with status {status}")),
            ConnectOutcome.NotProcessed { Failure: var failure } => throw new ChannelException(failure),
            ConnectOutcome.Failed { Failure: var failure } => throw new ChannelException(failure),
            var other => throw new InvalidOperationException($"No meaning for the outcome {other.GetType().Name}."),
        };
    }

    private async ValueTask<Channel> ConnectPeer(TunnelKey key, CancellationToken cancellationToken)
    {
        try
        {
            TlsContext context = await _certificates.GetTlsContext(key.Source, cancellationToken);
            TcpConnection transport = await TcpConnection.ConnectAsync(
                _loop, _namespace, source: null, key.NextHop, _options.Transport, _options.ConnectTimeout, cancellationToken);
            TlsConnection tls = await TlsConnection.ConnectAsync(transport, context, key.Destination, _options.ConnectTimeout, cancellationToken);
            if (_certificates.Trusts(tls.PeerRootDer))
                return tls;
            tls.Dispose();
            throw new ChannelException(new ChannelFailure(FailureKind.PeerRefused, "the peer's root was taken out of the trust bundle during the handshake"));
        }
        catch (CertificateUnavailableException e)
        {
            throw new ChannelException(new ChannelFailure(FailureKind.Local, e.Message));
        }
    }
}

using Microsoft.Extensions.Logging;
using Ztunnel.Hbone;
using Ztunnel.Hbone.Pool;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>Opens tunnels for captured connections: over a pooled connection of the same key, or a new one under the source pod's identity.</summary>
internal sealed class TunnelClient(CertificateStore certificates, ProxyOptions options, ILogger logger)
{
    /// <summary>The pool of one loop.</summary>
    public HbonePool<TunnelKey> CreatePool(EventLoop loop) => new(
        loop,
        (key, cancellationToken) => ConnectPeer(loop, key, cancellationToken),
        new HbonePoolOptions { Connection = options.Hbone, ConnectTimeout = options.ConnectTimeout },
        logger);

    /// <summary>Opens a tunnel along <paramref name="route"/>.</summary>
    public static async ValueTask<Attempt> Open(ProxyLoop on, Route.Tunnel route, OpenConnection connection)
    {
        SpiffeId source = connection.Pod.Identity;
        connection.Record.SourceIdentity = source;
        connection.Record.Destination = route.NextHop;
        connection.Record.HboneAddress = route.Authority;
        connection.Record.DestinationWorkload = route.Destination;
        connection.Record.DestinationService = route.Service;

        var key = new TunnelKey(connection.Pod, source, route.Destination.Uid, route.ExpectedIdentity, route.NextHop);
        switch (await on.Tunnels.OpenAsync(key, new ConnectRequest(route.Authority)))
        {
            case ConnectOutcome.Opened opened:
                connection.Record.DestinationIdentity = route.ExpectedIdentity;
                return Attempt.Opened(opened.Stream);
            // What a waypoint cannot connect to is no fault of this instance of it.
            case ConnectOutcome.Refused { Status: 503 } when route.Waypoint is { } waypoint:
                return Attempt.Refused($"waypoint {waypoint} could not connect to the destination (503)");
            case ConnectOutcome.Refused { Status: 503 }:
                return Attempt.Failed(new ChannelFailure(FailureKind.Refused, "the peer could not connect to the application (503)"));
            case ConnectOutcome.Refused refused:
                return Attempt.Refused(Explain(refused.Status));
            case ConnectOutcome.NotProcessed { Failure: var failure }:
                return Attempt.Failed(failure);
            case ConnectOutcome.Failed { Failure: var failure }:
                return Attempt.Failed(failure);
            case var other:
                throw new InvalidOperationException($"No meaning for the outcome {other.GetType().Name}.");
        }
    }

    private async ValueTask<Channel> ConnectPeer(EventLoop loop, TunnelKey key, CancellationToken cancellationToken)
    {
        try
        {
            TlsContext context = await certificates.GetTlsContext(key.Source, cancellationToken);
            TcpConnection transport = await key.Pod.ConnectTransport(loop, key.NextHop, cancellationToken);
            TlsConnection tls = await TlsConnection.ConnectAsync(transport, context, key.Destination, options.HandshakeTimeout, cancellationToken);
            if (certificates.Trusts(tls.PeerRootDer))
                return tls;
            tls.Dispose();
            throw new ChannelException(new ChannelFailure(FailureKind.PeerRefused, "the peer's root was taken out of the trust bundle during the handshake"));
        }
        catch (CertificateUnavailableException e)
        {
            throw new ChannelException(new ChannelFailure(FailureKind.Local, e.Message));
        }
    }

    private static string Explain(int status) => status switch
    {
        400 => "the peer found the tunnel request malformed (400)",
        401 => "the peer did not accept our identity (401)",
        403 => "denied by the destination's policy (403)",
        _ => $"the peer answered the tunnel request with status {status}",
    };
}

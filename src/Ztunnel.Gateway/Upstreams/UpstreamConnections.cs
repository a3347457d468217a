using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Makes the connections of one loop that carry HTTP, within what the rule of a service allows and with the TLS it asks for.</summary>
internal sealed class UpstreamConnections(EventLoop loop, UpstreamConnector connector, TlsOriginator originator, UpstreamOptions options)
{
    /// <summary>Makes a connection along a route. Throws <see cref="ChannelException"/> and <see cref="PoolOverflowException"/>.</summary>
    public async ValueTask<Stream> Open(Route route, ServiceTraffic? traffic, bool http2, CancellationToken cancellationToken)
    {
        Stream stream = traffic is null
            ? await Connect(route, null, cancellationToken)
            : await OpenWithin(traffic, route, http2, cancellationToken);
        return http2 ? stream : new RequestStream(stream);
    }

    private async ValueTask<Stream> OpenWithin(ServiceTraffic traffic, Route route, bool http2, CancellationToken cancellationToken)
    {
        TrafficPolicy policy = traffic.Policy;
        // Over HTTP/1.1 a request has waited for its share of what may be connected already.
        bool waits = http2 || policy.ConnectionPool?.MaxConnections is null;
        if (waits && !traffic.Limits.BeginConnect(policy.ConnectionPool))
            throw new PoolOverflowException();
        try
        {
            bool secure = TlsOriginator.IsFor(policy.Tls, route);
            Stream stream = await Connect(route, policy.ConnectionPool, cancellationToken);
            return secure
                ? await originator.Secure(stream, traffic, route, http2, policy.ConnectionPool?.ConnectTimeout ?? options.ConnectTimeout, cancellationToken)
                : stream;
        }
        finally
        {
            if (waits)
                traffic.Limits.EndConnect();
        }
    }

    private async Task<Stream> Connect(Route route, ConnectionPool? pool, CancellationToken cancellationToken) =>
        new ChannelStream(await loop.RunAsync(() => connector.Connect(route, pool, cancellationToken)));
}

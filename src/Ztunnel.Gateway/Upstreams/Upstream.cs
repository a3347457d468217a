using System.Net;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// One endpoint as one loop talks to it: its pooled HTTP connections, each a plain one or a tunnel as the route to the
/// endpoint says. Requests that come in on a loop leave on the same loop.
/// </summary>
internal sealed class Upstream : IDisposable
{
    private readonly SocketsHttpHandler _handler;
    private int _open;

    public Upstream(Route route, EventLoop loop, UpstreamOptions options, Func<Route, CancellationToken, Task<Channel>> connect)
    {
        Route = route;
        Prefix = $"http://{AddressOf(route)}/";
        _handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = options.ConnectTimeout + options.ConnectTimeout,
            PooledConnectionIdleTimeout = options.IdleTimeout,
            MaxResponseHeadersLength = options.ResponseHeaderKilobytes,
            // As the server reads what clients say in headers, and writes what backends say.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ConnectCallback = async (_, cancellationToken) =>
                new ChannelStream(await loop.RunAsync(() => connect(route, cancellationToken))),
        };
        Client = new HttpMessageInvoker(_handler, disposeHandler: true);
    }

    /// <summary>The way to the endpoint.</summary>
    public Route Route { get; }

    /// <summary>What sends requests to it.</summary>
    public HttpMessageInvoker Client { get; }

    /// <summary>How its requests' URLs begin; only the endpoint's address counts in it.</summary>
    public string Prefix { get; }

    /// <summary>Requests under way.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>When it was last used, by the loop's clock.</summary>
    public long LastUsed { get; set; }

    /// <summary>A request begins.</summary>
    public void Enter() => Interlocked.Increment(ref _open);

    /// <summary>A request has ended.</summary>
    public void Leave() => Interlocked.Decrement(ref _open);

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();

    private static string AddressOf(Route route) => route switch
    {
        Route.Tunnel tunnel => tunnel.Authority,
        Route.Passthrough { Destination: { } destination } => destination.ToString(),
        _ => throw new ArgumentException("That route leads to no endpoint.", nameof(route)),
    };
}

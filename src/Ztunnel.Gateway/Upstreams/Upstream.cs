using System.Net;
using System.Text;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Makes a connection along a route, as the rule of the service says.</summary>
internal delegate ValueTask<Stream> UpstreamConnect(Route route, ServiceTraffic? traffic, bool http2, CancellationToken cancellationToken);

/// <summary>
/// One endpoint as one loop talks to it: its pooled HTTP connections, each a plain one or a tunnel as the route to the
/// endpoint says. Requests that come in on a loop leave on the same loop.
/// </summary>
internal sealed class Upstream : IDisposable
{
    private readonly SocketsHttpHandler _handler;
    private readonly ServiceTraffic? _traffic;
    private readonly TrafficPolicy? _policy;
    private int _open;
    private int _begun;
    private bool _retired;
    private readonly bool _once;
    private volatile bool _endsEach;

    /// <summary>An endpoint.</summary>
    /// <param name="route">The way to it.</param>
    /// <param name="options">How the gateway connects.</param>
    /// <param name="traffic">What its service's rule says; null for no rule.</param>
    /// <param name="connect">Makes a connection.</param>
    /// <param name="before">What this one takes the place of; null for nothing.</param>
    public Upstream(Route route, UpstreamOptions options, ServiceTraffic? traffic, UpstreamConnect connect, Upstream? before)
    {
        Route = route;
        _traffic = traffic;
        _policy = traffic?.Policy;
        ConnectionPool? pool = _policy?.ConnectionPool;
        if (traffic is not null && route.Endpoint is { } endpoint)
            Health = traffic.HealthOf(endpoint.Address);
        Address = AddressOf(route);
        Prefix = $"http://{Address}/";
        _once = _endsEach = before is { _endsEach: true };
        _handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            EnableMultipleHttp2Connections = pool?.MaxConnections is null,
            ConnectTimeout = Bounded(pool?.ConnectTimeout ?? options.ConnectTimeout) * 3,
            PooledConnectionIdleTimeout = Bounded(pool?.HttpIdleTimeout ?? options.IdleTimeout),
            PooledConnectionLifetime = _once ? TimeSpan.Zero
                : pool?.MaxConnectionDuration is { } duration ? Bounded(duration)
                : Timeout.InfiniteTimeSpan,
            MaxResponseHeadersLength = options.ResponseHeaderKilobytes,
            // As the server reads what clients say in headers, and writes what backends say.
            RequestHeaderEncodingSelector = static (_, _) => Encoding.UTF8,
            ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
            ConnectCallback = (context, cancellationToken) =>
                connect(route, traffic, context.InitialRequestMessage.Version.Major == 2, cancellationToken),
        };
        Client = new HttpMessageInvoker(_handler, disposeHandler: true);
    }

    /// <summary>The way to the endpoint.</summary>
    public Route Route { get; }

    /// <summary>What sends requests to it.</summary>
    public HttpMessageInvoker Client { get; }

    /// <summary>The endpoint's own address.</summary>
    public string Address { get; }

    /// <summary>How its requests' URLs begin; only the endpoint's address counts in it.</summary>
    public string Prefix { get; }

    /// <summary>Requests under way.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>When it was last used, by the loop's clock.</summary>
    public long LastUsed { get; set; }

    /// <summary>What has been seen of the endpoint; null where no rule asks.</summary>
    public EndpointHealth? Health { get; }

    /// <summary>Whether it is made for what the service's rule says now, and its connections may carry more requests. Loop thread only.</summary>
    public bool Suits(ServiceTraffic? traffic) =>
        ReferenceEquals(_traffic, traffic)
        && ReferenceEquals(_policy, traffic?.Policy)
        && _once == _endsEach
        && (_policy?.ConnectionPool?.MaxRequestsPerConnection is not { } most || _begun < most);

    /// <summary>
    /// Takes note of how it answers: what speaks HTTP/1.0, and does not say otherwise, ends its connection with each answer (RFC 9112
    /// section 9.3). The client below would send another request on it meanwhile.
    /// </summary>
    public void Heed(HttpResponseMessage answer)
    {
        if (answer.Version != HttpVersion.Version10)
            _endsEach = false;
        else if (answer.Headers.ConnectionClose != true && !answer.Headers.Connection.Contains("keep-alive", StringComparer.OrdinalIgnoreCase))
            _endsEach = true;
    }

    /// <summary>A request begins. Loop thread only.</summary>
    public void Enter()
    {
        _begun++;
        Interlocked.Increment(ref _open);
    }

    /// <summary>A request has ended.</summary>
    public void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0 && Volatile.Read(ref _retired))
            Dispose();
    }

    /// <summary>Another takes its place: it goes when its last request has ended.</summary>
    public void Retire()
    {
        Volatile.Write(ref _retired, true);
        if (Open == 0)
            Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => Client.Dispose();

    /// <summary>What is longer than a few days is no limit in practice, and more than the client takes.</summary>
    private static TimeSpan Bounded(TimeSpan span) => span < TimeSpan.FromDays(7) ? span : TimeSpan.FromDays(7);

    private static string AddressOf(Route route) => route switch
    {
        Route.Tunnel tunnel => tunnel.Authority,
        Route.Passthrough { Destination: { } destination } => destination.ToString(),
        _ => throw new ArgumentException("That route leads to no endpoint.", nameof(route)),
    };
}

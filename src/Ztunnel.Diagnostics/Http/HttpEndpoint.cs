using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ztunnel.Diagnostics;

/// <summary>
/// A few read-only pages over HTTP/1.1: Kestrel by itself, without host, container or configuration. Anything but GET and
/// HEAD is refused, as is a request whose Host is not among <see cref="_hosts"/> where those are limited.
/// </summary>
internal sealed class HttpEndpoint : IHttpApplication<HttpContext>, IAsyncDisposable
{
    private readonly KestrelServer _server;
    private readonly FrozenDictionary<string, Page> _pages;
    private readonly FrozenSet<string>? _hosts;
    private readonly IReadOnlyList<IPEndPoint> _asked;
    private readonly ILogger _logger;

    public HttpEndpoint(
        IReadOnlyList<IPEndPoint> addresses,
        Func<EndPoint, Socket>? bind,
        IReadOnlyDictionary<string, Page> pages,
        IEnumerable<string>? hosts,
        ILoggerFactory loggers)
    {
        _asked = addresses;
        _pages = pages.ToFrozenDictionary(StringComparer.Ordinal);
        _hosts = hosts?.ToFrozenSet(StringComparer.OrdinalIgnoreCase);
        _logger = loggers.CreateLogger<HttpEndpoint>();
        var sockets = new SocketTransportOptions();
        if (bind is not null)
            sockets.CreateBoundListenSocket = bind;
        var options = new KestrelServerOptions { AddServerHeader = false, AllowSynchronousIO = false };
        options.Limits.MaxConcurrentConnections = 256;
        options.Limits.MaxRequestBodySize = 0;
        options.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(30);
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        foreach (IPEndPoint address in addresses)
            options.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
        _server = new KestrelServer(Options.Create(options), new SocketTransportFactory(Options.Create(sockets), loggers), loggers);
    }

    /// <summary>Where it listens, once started.</summary>
    public IReadOnlyList<IPEndPoint> Addresses =>
    [
        .. _server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses
            .Select(address => new Uri(address))
            .Select(uri => new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port)),
    ];

    /// <summary>Starts to listen; throws <see cref="IOException"/> naming the addresses where that cannot be.</summary>
    public async Task Start(CancellationToken cancellationToken)
    {
        try
        {
            await _server.StartAsync(this, cancellationToken);
        }
        catch (SocketException e)
        {
            // Kestrel makes an IOException only of an address in use.
            throw new IOException($"{string.Join(", ", _asked)}: {e.Message}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _server.StopAsync(deadline.Token);
        _server.Dispose();
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        if (exception is not null and not OperationCanceledException)
            _logger.LogWarning(exception, "diagnostics request failed");
    }

    Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context)
    {
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (_hosts?.Contains(context.Request.Host.Host) == false)
            return Refuse(context, StatusCodes.Status403Forbidden, "this Host is not served here\n");
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            return Refuse(context, StatusCodes.Status405MethodNotAllowed, "only GET\n");
        }

        return _pages.TryGetValue(context.Request.Path, out Page? page)
            ? page(context)
            : Refuse(context, StatusCodes.Status404NotFound, "no such page\n");
    }

    private static Task Refuse(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return Text(context, text);
    }

    /// <summary>Answers with plain text.</summary>
    internal static Task Text(HttpContext context, string text)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text, context.RequestAborted);
    }
}

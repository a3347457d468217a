using System.Net;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ztunnel.Gateway;

/// <summary>
/// Kestrel, fed with connections of ours instead of its own sockets: HTTP/1.1 and HTTP/2 each have an entrance of their own,
/// because who hands over a connection knows which of the two it speaks.
/// </summary>
internal sealed class HttpServer : IAsyncDisposable
{
    private readonly KestrelServer _kestrel;
    private readonly ServiceProvider _services;
    private readonly Entrance _http1 = new("http/1.1");
    private readonly Entrance _http2 = new("h2");

    static HttpServer()
    {
        // A line ends with CR LF: servers that take a bare LF for an end of line and those that do not see different requests.
        AppContext.SetSwitch("Microsoft.AspNetCore.Server.Kestrel.DisableHttp1LineFeedTerminators", isEnabled: true);
    }

    private HttpServer(HttpLimits limits, ILoggerFactory loggers)
    {
        _services = new ServiceCollection().AddSingleton(loggers).BuildServiceProvider();
        var options = new KestrelServerOptions
        {
            ApplicationServices = _services,
            AddServerHeader = false,
            AllowAlternateSchemes = true,
            AllowResponseHeaderCompression = true,
            RequestHeaderEncodingSelector = static name => name == "Content-Length" ? DigitEncoding.Instance : null,
            // What backends say in headers that is no ASCII passes byte for byte, as they are read in Latin-1 too.
            ResponseHeaderEncodingSelector = static _ => Encoding.Latin1,
        };
        limits.ApplyTo(options.Limits);
        options.Listen(_http1, listen => listen.Protocols = HttpProtocols.Http1);
        options.Listen(_http2, listen => listen.Protocols = HttpProtocols.Http2);
        _kestrel = new KestrelServer(Options.Create(options), new Entrances(), loggers);
    }

    /// <summary>Starts a server that answers with <paramref name="application"/>.</summary>
    public static async Task<HttpServer> Start<TContext>(
        IHttpApplication<TContext> application, HttpLimits limits, ILoggerFactory loggers, CancellationToken stop)
        where TContext : notnull
    {
        var server = new HttpServer(limits, loggers);
        await server._kestrel.StartAsync(application, stop);
        return server;
    }

    /// <summary>Hands over a connection whose first bytes are HTTP/1.1, or HTTP/2 with prior knowledge. From any thread.</summary>
    public void Serve(ChannelConnection connection, bool http2)
    {
        if (!(http2 ? _http2 : _http1).Connections.Writer.TryWrite(connection))
        {
            connection.Abort(new ConnectionAbortedException("the gateway is stopping"));
            _ = connection.DisposeAsync();
        }
    }

    /// <summary>
    /// Stops in order: clients are told (GOAWAY, or the end of the connection after the answer), requests under way have
    /// <paramref name="patience"/> to end, then what is left is broken off.
    /// </summary>
    public async Task Drain(TimeSpan patience)
    {
        using var end = new CancellationTokenSource(patience);
        await _kestrel.StopAsync(end.Token);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Drain(TimeSpan.Zero);
        _kestrel.Dispose();
        await _services.DisposeAsync();
    }

    /// <summary>Where connections of one protocol come in, in place of an address.</summary>
    private sealed class Entrance(string name) : EndPoint, IConnectionListener
    {
        public Channel<ConnectionContext> Connections { get; } =
            System.Threading.Channels.Channel.CreateUnbounded<ConnectionContext>(new UnboundedChannelOptions { SingleReader = true });

        EndPoint IConnectionListener.EndPoint => this;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            await Connections.Reader.WaitToReadAsync(cancellationToken) && Connections.Reader.TryRead(out ConnectionContext? next) ? next : null;

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            Connections.Writer.TryComplete();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync();

        public override string ToString() => name;
    }

    private sealed class Entrances : IConnectionListenerFactory, IConnectionListenerFactorySelector
    {
        public bool CanBind(EndPoint endpoint) => endpoint is Entrance;

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult<IConnectionListener>((Entrance)endpoint);
    }
}

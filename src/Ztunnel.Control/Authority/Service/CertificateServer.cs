using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Control;

/// <summary>The authority's port: TLS and HTTP/2 by Kestrel, with the certificate of the moment.</summary>
internal sealed class CertificateServer : IAsyncDisposable
{
    private readonly WebApplication _host;

    public CertificateServer(IPEndPoint listen, UnaryEndpoint endpoint, ClientGate gate, ServerCertificate certificate, ILoggerFactory loggers)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(loggers);
        // Signals are the role's to handle.
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = UnaryEndpoint.LongestRequest + 1024;
            kestrel.Limits.MaxConcurrentConnections = 20_000;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 128;
            // What may come before anybody reads it: one request as a rule.
            kestrel.Limits.Http2.InitialStreamWindowSize = 65_535;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 256 * 1024;
            // Any address of whatever families the node has.
            if (listen.Address.Equals(IPAddress.IPv6Any))
                kestrel.ListenAnyIP(listen.Port, at => Secure(at, gate, certificate));
            else
                kestrel.Listen(listen, at => Secure(at, gate, certificate));
        });
        _host = builder.Build();
        _host.Run(endpoint.Serve);
    }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint Address => IPEndPoint.Parse(new Uri(_host.Services.GetRequiredService<IServer>()
        .Features.Get<IServerAddressesFeature>()!.Addresses.First()).Authority);

    /// <summary>Starts to listen. Throws <see cref="IOException"/> where the address is taken.</summary>
    public Task Start(CancellationToken cancellationToken) => _host.StartAsync(cancellationToken);

    /// <summary>Stops, letting calls under way end.</summary>
    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _host.StopAsync(limit.Token);
        await _host.DisposeAsync();
    }

    private static void Secure(ListenOptions at, ClientGate gate, ServerCertificate certificate)
    {
        at.Protocols = HttpProtocols.Http2;
        // Before any handshake.
        at.Use(serve => connection => gate.Connect(connection, serve));
        at.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = TimeSpan.FromSeconds(5),
            OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
            {
                ServerCertificateContext = certificate.Current(),
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ApplicationProtocols = [SslApplicationProtocol.Http2],
            }),
        });
    }

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

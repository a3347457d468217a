using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;

namespace Ztunnel.Testing.Api;

/// <summary>Kestrel on one port of loopback, which it can leave and come back to.</summary>
internal sealed class ServerHost(RequestDelegate answer, ServerCertificates? certificates) : IAsyncDisposable
{
    private readonly X509Certificate2? _certificate = certificates?.ForServer();
    private WebApplication? _running;
    private Socket? _held;

    /// <summary>Where it listens, or listened.</summary>
    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    /// <summary>Begins to listen: on a free port the first time, on the same one later.</summary>
    public async Task Start()
    {
        if (_running is not null)
            return;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 << 20;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Listen(IPAddress.Loopback, Address.Port, listen =>
            {
                if (certificates is null)
                    return;
                listen.UseHttps(new HttpsConnectionAdapterOptions
                {
                    ServerCertificate = _certificate,
                    ClientCertificateMode = ClientCertificateMode.AllowCertificate,
                    ClientCertificateValidation = (certificate, _, _) => certificates.Trusts(certificate),
                });
            });
        });
        if (certificates is not null)
            builder.WebHost.UseKestrelHttpsConfiguration();
        WebApplication host = builder.Build();
        host.UseWebSockets();
        host.Run(answer);
        await host.StartAsync();
        _held?.Dispose();
        _held = null;
        _running = host;
        Address = new Uri(host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Breaks all connections and listens no more; the port is kept from others, so that connecting to it is refused.</summary>
    public async Task Stop()
    {
        if (Interlocked.Exchange(ref _running, null) is not { } host)
            return;
        await host.StopAsync(new CancellationToken(canceled: true));
        await host.DisposeAsync();
        _held = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _held.Bind(new IPEndPoint(IPAddress.Loopback, Address.Port));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _running, null) is { } host)
        {
            await host.StopAsync(new CancellationToken(canceled: true));
            await host.DisposeAsync();
        }

        _held?.Dispose();
        _certificate?.Dispose();
    }
}

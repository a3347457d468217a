using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Kubernetes.Tests;

/// <summary>A server that answers as a test says, and keeps what it was asked.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _host;

    private ScriptedServer(WebApplication host) => _host = host;

    public ConcurrentQueue<Asked> Requests { get; } = new();

    public Uri Address { get; private set; } = new("http://127.0.0.1");

    public ApiClientOptions Options { get; } = new() { FirstDelay = TimeSpan.FromMilliseconds(1), RequestsPerSecond = 10_000, Burst = 10_000 };

    public static async Task<ScriptedServer> Start(RequestDelegate answer, X509Certificate2? certificate = null, bool clientCertificates = false)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is null)
                return;
            listen.UseHttps(https =>
            {
                https.ServerCertificate = certificate;
                https.ClientCertificateMode = clientCertificates ? ClientCertificateMode.AllowCertificate : ClientCertificateMode.NoCertificate;
                https.AllowAnyClientCertificate();
            });
        }));
        WebApplication host = builder.Build();
        var server = new ScriptedServer(host);
        host.Run(async context =>
        {
            server.Requests.Enqueue(await Asked.Of(context));
            await answer(context);
        });
        await host.StartAsync();
        string bound = host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        server.Address = new Uri(bound.Replace("127.0.0.1", certificate is null ? "127.0.0.1" : "localhost", StringComparison.Ordinal));
        return server;
    }

    public ApiClient Client() => new(ApiAccess.Insecure(Address), Options);

    public async ValueTask DisposeAsync()
    {
        using var at_once = new CancellationTokenSource(TimeSpan.Zero);
        await _host.StopAsync(at_once.Token);
        await _host.DisposeAsync();
    }

    public static Task Json(HttpContext context, string json, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    public static Task Status(HttpContext context, int code, string reason, string message) => Json(
        context, $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""", code);
}

/// <summary>A request as the server got it.</summary>
internal sealed record Asked(string Method, string PathAndQuery, string? Authorization, string? ContentType, string Accept, string Protocol, string? ClientName, string Body)
{
    public static async Task<Asked> Of(HttpContext context)
    {
        context.Request.EnableBuffering();
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8, leaveOpen: true);
        HttpRequest request = context.Request;
        return new Asked(
            request.Method,
            request.Path + request.QueryString,
            (string?)request.Headers.Authorization,
            request.ContentType,
            request.Headers.Accept.ToString(),
            request.Protocol,
            context.Connection.ClientCertificate?.Subject,
            await reader.ReadToEndAsync());
    }
}

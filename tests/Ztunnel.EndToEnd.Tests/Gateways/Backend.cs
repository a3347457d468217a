using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// A web server in a pod that shows what it was asked: HTTP/1.1 on port 8080, HTTP/2 with prior knowledge on 8081, HTTPS on 8443. Answers with
/// <c>pod=NAME</c>, the request line, the headers, one a line, and the name asked for in the TLS handshake as <c>sni</c>. A request may ask for headers of the answer
/// (<c>x-echo-set-header: name: value &amp; ...</c>) and for it to come late (<c>?delay=MILLISECONDS</c>). Or it answers as a test says.
/// </summary>
internal sealed class Backend : IAsyncDisposable
{
    public const int Http1Port = 8080;
    public const int Http2Port = 8081;
    public const int HttpsPort = 8443;

    private const string ServerName = "sni";

    private static readonly ConcurrentDictionary<string, StrongBox<int>> Times = new(StringComparer.Ordinal);

    private static readonly Lazy<X509Certificate2> Certificate = new(CreateCertificate);

    private readonly WebApplication _application;
    private readonly Socket[] _sockets;

    private Backend(WebApplication application, Socket[] sockets)
    {
        _application = application;
        _sockets = sockets;
    }

    public static async Task<Backend> Start(LabPod pod, RequestDelegate? answer = null)
    {
        Socket[] sockets = pod.NetworkNamespace.Run(() => new[] { Listen(Http1Port), Listen(Http2Port), Listen(HttpsPort) });
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MinRequestBodyDataRate = null;
            options.ListenHandle((ulong)sockets[0].Handle, listen => listen.Protocols = HttpProtocols.Http1);
            options.ListenHandle((ulong)sockets[1].Handle, listen => listen.Protocols = HttpProtocols.Http2);
            options.ListenHandle((ulong)sockets[2].Handle, listen => listen.UseHttps(https => https.ServerCertificateSelector = (connection, name) =>
            {
                connection!.Items[ServerName] = name;
                return Certificate.Value;
            }));
        });
        WebApplication application = builder.Build();
        application.UseWebSockets();
        application.Run(answer ?? (http => Answer(http, pod.Name)));
        await application.StartAsync(TestContext.Current.CancellationToken);
        return new Backend(application, sockets);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.DisposeAsync();
        foreach (Socket socket in _sockets)
            socket.Dispose();
    }

    private static Socket Listen(int port)
    {
        var socket = new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        socket.Listen(512);
        return socket;
    }

    private static X509Certificate2 CreateCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=backend", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private static Task Answer(HttpContext http, string name)
    {
        string[] path = http.Request.Path.Value!.Split('/');
        return path[1] switch
        {
            "status" => Status(http, int.Parse(path[2], CultureInfo.InvariantCulture)),
            "echo" or "duplex" => Echo(http),
            "count" => Count(http),
            "upgrade" => Upgrade(http, Echo),
            "farewell" => Upgrade(http, stream => stream.WriteAsync("bye"u8.ToArray()).AsTask()),
            "unwanted" => Refuse(http),
            "trailers" => Trailers(http),
            "slow" => Slow(http),
            "ws" => Converse(http),
            "flaky" => Relent(http, name),
            _ => Show(http, name),
        };
    }

    private static Task Status(HttpContext http, int status)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsync(status == 418 ? "teapot" : "");
    }

    private static async Task Echo(HttpContext http)
    {
        await http.Response.StartAsync();
        byte[] buffer = new byte[64 * 1024];
        while (await http.Request.Body.ReadAsync(buffer) is > 0 and var count)
        {
            await http.Response.Body.WriteAsync(buffer.AsMemory(0, count));
            await http.Response.Body.FlushAsync();
        }
    }

    private static async Task Count(HttpContext http)
    {
        byte[] buffer = new byte[64 * 1024];
        long total = 0;
        while (await http.Request.Body.ReadAsync(buffer) is > 0 and var count)
            total += count;
        await http.Response.WriteAsync(total.ToString(CultureInfo.InvariantCulture));
    }

    private static async Task Upgrade(HttpContext http, Func<Stream, Task> speak)
    {
        http.Response.Headers.Upgrade = "websocket";
        http.Response.Headers.SecWebSocketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        await using Stream stream = await http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        await speak(stream);
    }

    private static async Task Echo(Stream stream)
    {
        byte[] buffer = new byte[1024];
        while (await stream.ReadAsync(buffer) is > 0 and var count)
            await stream.WriteAsync(buffer.AsMemory(0, count));
    }

    /// <summary>Answers before the body has come, as one does to what is too large.</summary>
    private static async Task Refuse(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status413PayloadTooLarge;
        await http.Response.WriteAsync("too large");
        await http.Response.CompleteAsync();
    }

    private static async Task Converse(HttpContext http)
    {
        using WebSocket client = await http.WebSockets.AcceptWebSocketAsync();
        byte[] buffer = new byte[1024];
        while (await client.ReceiveAsync(buffer, http.RequestAborted) is { MessageType: not WebSocketMessageType.Close } got)
            await client.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, http.RequestAborted);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, http.RequestAborted);
    }

    private static async Task Trailers(HttpContext http)
    {
        http.Response.ContentType = "application/grpc";
        await http.Response.WriteAsync("body");
        http.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task Slow(HttpContext http)
    {
        await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>Fails as <c>?how=</c> says, by a status, a reset or silence, until it was asked more often than <c>?fails=</c>.</summary>
    private static Task Relent(HttpContext http, string name)
    {
        string how = http.Request.Query["how"].ToString();
        int asked = Times.GetOrAdd(Target(http, name), _ => new StrongBox<int>()).Value + 1;
        if (asked > int.Parse(http.Request.Query["fails"].ToString(), CultureInfo.InvariantCulture))
            return Show(http, name);
        Note(http, name);
        switch (how)
        {
            case "reset":
                http.Abort();
                return Task.CompletedTask;
            case "silence":
                return Slow(http);
            default:
                return Status(http, int.Parse(how, CultureInfo.InvariantCulture));
        }
    }

    /// <summary>How often a pod was asked for a target, which names itself by <c>?id=</c>.</summary>
    public static int Asked(string pod, string target) => Times.TryGetValue($"{pod} {target}", out StrongBox<int>? times) ? Volatile.Read(ref times.Value) : 0;

    private static string Target(HttpContext http, string name) => $"{name} {http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget}";

    private static void Note(HttpContext http, string name)
    {
        if (http.Request.Query.ContainsKey("id"))
            Interlocked.Increment(ref Times.GetOrAdd(Target(http, name), _ => new StrongBox<int>()).Value);
    }

    private static async Task Show(HttpContext http, string name)
    {
        Note(http, name);
        if (int.TryParse(http.Request.Query["delay"], CultureInfo.InvariantCulture, out int delay))
            await Task.Delay(delay, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        var text = new StringBuilder();
        string target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        text.Append(CultureInfo.InvariantCulture, $"pod={name}\n{http.Request.Method} {target} {http.Request.Protocol}\n");
        foreach (var header in http.Request.Headers)
            text.Append(CultureInfo.InvariantCulture, $"{header.Key.ToLowerInvariant()}: {header.Value}\n");
        if (http.Features.GetRequiredFeature<IConnectionItemsFeature>().Items.TryGetValue(ServerName, out object? asked))
            text.Append(CultureInfo.InvariantCulture, $"sni: {asked}\n");
        http.Response.Headers["x-from"] = name;
        foreach (string[] header in http.Request.Headers["x-echo-set-header"].ToString().Split(" & ").Select(header => header.Split(": ")).Where(header => header.Length == 2))
            http.Response.Headers[header[0]] = header[1];
        bool isGrpc = http.Request.ContentType == "application/grpc";
        if (isGrpc)
            http.Response.ContentType = "application/grpc";
        await http.Response.WriteAsync(text.ToString());
        if (isGrpc)
            http.Response.AppendTrailer("grpc-status", "0");
    }
}

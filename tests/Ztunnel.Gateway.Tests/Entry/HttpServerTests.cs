using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using TcpListener = Ztunnel.IO.TcpListener;

namespace Ztunnel.Gateway.Tests;

public sealed class HttpServerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task One_port_speaks_both_versions_of_HTTP(int version)
    {
        await using Server server = await Server.Start(context => context.Response.WriteAsync($"hello over {context.Request.Protocol}", Stop));
        using var client = new HttpClient { DefaultRequestVersion = new Version(version, version == 1 ? 1 : 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.Equal(version == 1 ? "hello over HTTP/1.1" : "hello over HTTP/2", await client.GetStringAsync($"http://{server.Address}/", Stop));
    }

    [Fact]
    public async Task A_request_whose_client_is_gone_is_called_off()
    {
        var calledOff = new TaskCompletionSource();
        await using Server server = await Server.Start(async context =>
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => calledOff.SetResult(), TaskScheduler.Default);
        });
        using (TcpClient client = await server.Connect())
            await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray(), Stop);
        await calledOff.Task.WaitAsync(TimeSpan.FromSeconds(20), Stop);
    }

    [Fact]
    public async Task Requests_sent_ahead_are_answered_in_their_order()
    {
        await using Server server = await Server.Start(async context =>
        {
            await Task.Yield();
            await context.Response.WriteAsync($"[{context.Request.Path}]", Stop);
        });
        using TcpClient client = await server.Connect();
        string requests = string.Concat(Enumerable.Range(0, 200).Select(i => $"GET /{i} HTTP/1.1\r\nHost: a\r\n{(i == 199 ? "Connection: close\r\n" : "")}\r\n"));
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(requests), Stop);
        string all = await new StreamReader(client.GetStream()).ReadToEndAsync(Stop);
        int at = 0;
        for (int i = 0; i < 200; i++)
            Assert.True((at = all.IndexOf($"[/{i}]", at, StringComparison.Ordinal)) >= 0, $"no answer {i} in its place");
    }

    [Fact]
    public async Task First_bytes_that_come_one_by_one_are_understood()
    {
        await using Server server = await Server.Start(context => context.Response.WriteAsync(context.Request.Method, Stop));
        using TcpClient client = await server.Connect();
        client.NoDelay = true;
        foreach (byte each in "PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"u8.ToArray())
            await client.GetStream().WriteAsync(new[] { each }, Stop);
        Assert.Contains("PROPFIND", await new StreamReader(client.GetStream()).ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    private sealed class Server(EventLoop loop, HttpServer http, TcpListener listener) : IAsyncDisposable
    {
        public IPEndPoint Address => listener.LocalEndPoint;

        public static async Task<Server> Start(Func<HttpContext, Task> answer)
        {
            var limits = new HttpLimits();
            HttpServer http = await HttpServer.Start(new HttpApplication(answer), limits, NullLoggerFactory.Instance, Stop);
            var intake = new ConnectionIntake(http, limits);
            EventLoop loop = EventLoop.Start(0);
            TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            listener.Start(loop, [loop], transport => _ = intake.Admit(
                transport, new Entry.Listener(80, null, Tls: false) { Client = transport.RemoteEndPoint }, transport.LocalEndPoint).AsTask());
            return new Server(loop, http, listener);
        }

        public async Task<TcpClient> Connect()
        {
            var client = new TcpClient();
            await client.ConnectAsync(Address, Stop);
            return client;
        }

        public async ValueTask DisposeAsync()
        {
            listener.Dispose();
            await http.DisposeAsync();
            loop.Dispose();
        }
    }
}

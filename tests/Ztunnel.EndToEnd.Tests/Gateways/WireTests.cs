using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What arrives at an ingress gateway byte by byte: upgrades, and requests that could be understood in two ways.</summary>
[Collection(nameof(GatewayLab))]
public sealed class WireTests(GatewayLab lab)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upgraded_connection_carries_bytes_both_ways()
    {
        using Socket client = await Connect();
        await Send(client, "GET /upgrade HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        string head = await Receive(client, "\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 101", head, StringComparison.Ordinal);
        await Send(client, "one");
        Assert.Equal("one", await Receive(client, "one"));
        await Send(client, "two");
        Assert.Equal("two", await Receive(client, "two"));
    }

    [Fact]
    public async Task A_backend_that_leaves_an_upgraded_connection_is_told_to_a_client_that_says_nothing()
    {
        using Socket client = await Connect();
        await Send(client, "GET /farewell HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        Assert.EndsWith("\r\n\r\nbye", await ReceiveAll(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_that_stalls_is_ended_by_the_routes_timeout()
    {
        using Socket client = await Connect();
        await Send(client, "POST /slow HTTP/1.1\r\nHost: web.test\r\nContent-Length: 100\r\n\r\n0123456789");
        Assert.StartsWith("HTTP/1.1 504", await Receive(client, "\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_that_comes_before_the_end_of_the_upload_ends_the_exchange()
    {
        using Socket client = await Connect();
        await Send(client, "POST /unwanted HTTP/1.1\r\nHost: web.test\r\nContent-Length: 100\r\n\r\n0123456789");
        string answer = await ReceiveAll(client);
        Assert.StartsWith("HTTP/1.1 413", answer, StringComparison.Ordinal);
        Assert.Contains("too large", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x")]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nGET /x")]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: gzip\r\n\r\nabc")]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: web.test\r\nHost: other.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: web.test\r\n X-Folded: 1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: web.test\r\nX-Bad\u0001: 1\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: web.test\r\nX: a\0b\r\n\r\n")]
    [InlineData("GET  / HTTP/1.1\r\nHost: web.test\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\nno colon\n\n")]
    public async Task What_could_be_understood_in_two_ways_is_refused_and_the_connection_ends(string request)
    {
        using Socket client = await Connect();
        await Send(client, request);
        string answer = await ReceiveAll(client);
        Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("pod=", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/status/200?\u00e9" + "0123456789")]
    [InlineData("/status/200?a=\u20ac")]
    public async Task What_is_not_ASCII_in_a_target_is_refused_over_HTTP2_as_it_is_over_HTTP1(string target)
    {
        foreach (string version in new[] { "--http2-prior-knowledge", "--http1.1" })
            Assert.Equal((version, "|400"), (version, (await lab.Curl(version, "-w", "|%{http_code}", "-H", "Host: web.test", $"http://{lab.Edge}{target}")).Output));
    }

    [Theory]
    [InlineData("header", "HTTP/1.1 431")]
    [InlineData("line", "HTTP/1.1 414")]
    public async Task What_is_too_long_is_refused(string what, string start)
    {
        using Socket client = await Connect();
        string filler = new('a', 70_000);
        await Send(client, what == "line" ? $"GET /{filler} HTTP/1.1\r\nHost: web.test\r\n\r\n" : $"GET / HTTP/1.1\r\nHost: web.test\r\nX: {filler}\r\n\r\n");
        Assert.StartsWith(start, await ReceiveAll(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CONNECT_makes_no_proxy_of_the_gateway()
    {
        using Socket client = await Connect();
        await Send(client, "CONNECT web.test:80 HTTP/1.1\r\nHost: web.test:80\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 405", await ReceiveAll(client), StringComparison.Ordinal);
    }

    private Task<Socket> Connect() => PodSocket.Connect(lab.Stranger, IPAddress.Parse(lab.Edge), 80);

    private static async Task Send(Socket client, string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        for (int sent = 0; sent < bytes.Length;)
            sent += await client.SendAsync(bytes.AsMemory(sent), Stop);
    }

    private static async Task<string> Receive(Socket client, string end)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[1];
        while (!text.ToString().EndsWith(end, StringComparison.Ordinal) && await client.ReceiveAsync(buffer, Stop).AsTask().WaitAsync(MeshLab.Patience, Stop) > 0)
            text.Append((char)buffer[0]);
        return text.ToString();
    }

    private static async Task<string> ReceiveAll(Socket client)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            while (await client.ReceiveAsync(buffer, Stop).AsTask().WaitAsync(MeshLab.Patience, Stop) is > 0 and var count)
                text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        catch (SocketException)
        {
            // Broken off after the answer.
        }

        return text.ToString();
    }
}

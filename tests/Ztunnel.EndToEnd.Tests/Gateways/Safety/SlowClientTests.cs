using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Clients that take their time, to have a gateway's connections for themselves.</summary>
[Collection(nameof(SafetyLab))]
public sealed class SlowClientTests(SafetyLab lab)
{
    // Enough time for a limit of two seconds and a clock that looks every second, and less than any default.
    private static readonly TimeSpan Trickle = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData(80, "")]
    [InlineData(443, "")]
    [InlineData(15008, "")]
    [InlineData(80, "P")]
    public async Task Who_says_nothing_is_let_go_of(int port, string first)
    {
        using Socket client = await lab.Connect(port == 15008 ? lab.Waypoint : lab.Strict, port);
        if (first.Length > 0)
            await client.SendText(first);
        await Ends(client);
    }

    [Theory]
    [InlineData("a header over HTTP/1.1")]
    [InlineData("a header over HTTP/2")]
    [InlineData("a frame over HTTP/2")]
    [InlineData("a handshake")]
    [InlineData("a handshake at a waypoint")]
    public async Task Who_sends_a_byte_now_and_then_is_let_go_of(string what)
    {
        using Socket client = await lab.Connect(
            what.EndsWith("waypoint", StringComparison.Ordinal) ? lab.Waypoint : lab.Strict,
            what.StartsWith("a handshake at", StringComparison.Ordinal) ? 15008 : what == "a handshake" ? 443 : 80);
        byte[] head = HttpFrames.Block((":method", "GET"), (":scheme", "http"), (":path", "/slow"), (":authority", "web.test"));
        byte[] start = what switch
        {
            "a header over HTTP/1.1" => [.. "GET /slow HTTP/1.1\r\nHost: web.test\r\nX-Slow: "u8],
            // TLS 1.2 record header that promises a ClientHello of 500 bytes.
            "a handshake" or "a handshake at a waypoint" => [0x16, 3, 1, 1, 0xf4, 1, 0, 1, 0xf0],
            "a header over HTTP/2" =>
                [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. HttpFrames.Frame(HttpFrames.Settings, 0, 0, []), .. HttpFrames.Frame(HttpFrames.Headers, HttpFrames.EndStream, 1, head)],
            _ => [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. HttpFrames.Frame(HttpFrames.Settings, 0, 0, []), 0, 1, 0, 1, 4, 0, 0, 0, 1],
        };
        byte[] drop = what == "a header over HTTP/2" ? HttpFrames.Frame(HttpFrames.Continuation, 0, 1, HttpFrames.Block(("a", "b"))) : [(byte)'a'];
        await client.SendAll(start);
        Task over = Ends(client);
        while (!over.IsCompleted)
        {
            try
            {
                await client.SendAll(drop);
            }
            catch (SocketException)
            {
                break;
            }

            await Task.WhenAny(over, Task.Delay(Trickle, TestContext.Current.CancellationToken));
        }

        await over;
    }

    [Fact]
    public async Task A_tunnel_through_which_nothing_comes_is_let_go_of()
    {
        using X509Certificate2 identity = await Certificates.Issue(lab.Mesh.Authority, "spiffe://cluster.local/ns/default/sa/client");
        await using TunnelPeer tunnel = await TunnelPeer.Connect(lab.Mesh.Pod("client"), lab.Waypoint, identity);
        Assert.Equal(200, await tunnel.Open("10.96.9.1:80"));
        await tunnel.Frames.ReadUntil(HttpFrames.Reset, 1);
        // The connection is not to blame.
        Assert.Equal(200, await tunnel.Open("10.96.9.1:80"));
    }

    [Fact]
    public async Task A_connection_between_two_requests_is_let_go_of()
    {
        using Socket client = await lab.Connect(lab.Strict);
        await client.SendText("GET /one HTTP/1.1\r\nHost: web.test\r\n\r\n");
        await Ends(client);
    }

    [Fact]
    public async Task A_body_that_does_not_come_is_given_up()
    {
        using Socket client = await lab.Connect(lab.Strict);
        await client.SendText("POST /slow HTTP/1.1\r\nHost: web.test\r\nContent-Length: 10\r\n\r\nabc");
        Assert.StartsWith("HTTP/1.1 504", await client.ReceiveToEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_trickles_is_given_up()
    {
        using Socket client = await lab.Connect(lab.Strict);
        await client.SendText("POST /slow HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n");
        Task<string> answer = client.ReceiveToEnd();
        while (!answer.IsCompleted)
        {
            try
            {
                await client.SendText("1\r\na\r\n");
            }
            catch (SocketException)
            {
                break;
            }

            await Task.WhenAny(answer, Task.Delay(Trickle, TestContext.Current.CancellationToken));
        }

        Assert.StartsWith("HTTP/1.1 408", await answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_count_from_the_moment_they_are_accepted()
    {
        // Nobody else's are left over.
        await MeshLab.Eventually("room for all", async () => await Fill(lab.Strict) == SafetyLab.Limits.Connections);

        async Task<int> Fill(IPAddress gateway)
        {
            var open = new List<Socket>();
            try
            {
                while (open.Count < SafetyLab.Limits.Connections && await Connect() is { } client)
                    open.Add(client);
                if (open.Count < SafetyLab.Limits.Connections)
                    return open.Count;
                Assert.Null(await Connect());
                open[0].Dispose();
                open.RemoveAt(0);
                await MeshLab.Eventually("the place that was given back", async () => (await lab.Curl($"http://{gateway}/")).Output == "ok");
                await lab.Mesh.Line("20 clients' connections are open, the most there may be");
                return SafetyLab.Limits.Connections;
            }
            finally
            {
                foreach (Socket client in open)
                    client.Dispose();
            }
        }

        // A connection that has said nothing and is still open after a moment; null where it was refused.
        async Task<Socket?> Connect()
        {
            Socket? client = null;
            try
            {
                client = await lab.Connect(lab.Strict);
                Task<int> ended = client.ReceiveAsync(new byte[1]);
                if (await Task.WhenAny(ended, Task.Delay(Trickle, TestContext.Current.CancellationToken)) != ended || await ended > 0)
                    return client;
            }
            catch (SocketException)
            {
                // Refused by RST, perhaps before the connect was seen to succeed.
            }

            client?.Dispose();
            return null;
        }
    }

    [Fact]
    public async Task What_is_too_large_is_refused_and_the_next_connection_served()
    {
        string many = string.Concat(Enumerable.Range(0, 250).Select(i => string.Create(CultureInfo.InvariantCulture, $"X-{i}: 1\r\n")));
        using (Socket client = await lab.Connect(lab.Gateway))
        {
            await client.SendText($"GET / HTTP/1.1\r\nHost: web.test\r\n{many}\r\n");
            Assert.StartsWith("HTTP/1.1 431", await client.ReceiveToEnd(), StringComparison.Ordinal);
        }

        Assert.Equal("ok", (await lab.Curl($"http://{lab.Gateway}/")).Output);
    }

    /// <summary>Waits for the gateway to end the connection: in order, by RST, or after an answer that says why.</summary>
    private static async Task Ends(Socket client)
    {
        long started = Stopwatch.GetTimestamp();
        try
        {
            await client.ReceiveToEnd();
        }
        catch (SocketException)
        {
            // That is an end too.
        }

        Assert.True(Stopwatch.GetElapsedTime(started) < MeshLab.Patience);
    }
}

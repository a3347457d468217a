using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What can be done to a gateway in HTTP/2's own words: requests that would be others behind it, and floods.</summary>
[Collection(nameof(SafetyLab))]
public sealed class Http2AbuseTests(SafetyLab lab)
{
    public static TheoryData<string, bool, (string Name, string Value)[]> Requests => new()
    {
        { "a plain one", true, Get() },
        { "a host beside the authority", true, Get(("host", "web.test")) },
        { "another host beside the authority", true, Get(("host", "other.test")) },
        { "TE: trailers", true, Get(("te", "trailers")) },
        { "TE: gzip", false, Get(("te", "gzip")) },
        { "Connection", false, Get(("connection", "close")) },
        { "Transfer-Encoding", false, Get(("transfer-encoding", "chunked")) },
        { "Upgrade", false, Get(("upgrade", "h2c")) },
        { "Keep-Alive", false, Get(("keep-alive", "timeout=5")) },
        { "Proxy-Connection", false, Get(("proxy-connection", "keep-alive")) },
        { "upper case", false, Get(("X-Upper", "1")) },
        { "a space in a name", false, Get(("x one", "1")) },
        { "a colon in a name", false, Get(("x:one", "1")) },
        { "an empty name", false, Get(("", "1")) },
        { "CR LF in a name", false, Get(("x\r\nhost", "other.test")) },
        { "CR LF in a value", false, Get(("x-one", "1\r\nhost: other.test")) },
        { "LF in a value", false, Get(("x-one", "1\nhost: other.test")) },
        { "NUL in a value", false, Get(("x-one", "1\0")) },
        { "an unknown pseudo-header", false, Get((":admin", "1")) },
        { "a pseudo-header after the others", false, [(":method", "GET"), (":scheme", "http"), ("x-one", "1"), (":path", "/@"), (":authority", "web.test")] },
        { "two paths", false, [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":path", "/hidden"), (":authority", "web.test")] },
        { "two authorities", false, [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":authority", "web.test"), (":authority", "other.test")] },
        { "two methods", false, [(":method", "GET"), (":method", "POST"), (":scheme", "http"), (":path", "/@"), (":authority", "web.test")] },
        { "no path", false, [(":method", "GET"), (":scheme", "http"), (":authority", "web.test")] },
        { "an empty path", false, [(":method", "GET"), (":scheme", "http"), (":path", ""), (":authority", "web.test")] },
        { "no scheme", false, [(":method", "GET"), (":path", "/@"), (":authority", "web.test")] },
        { "no method", false, [(":scheme", "http"), (":path", "/@"), (":authority", "web.test")] },
        { "a status", false, Get((":status", "200")) },
        { "a request line in the path", false, With("/@ HTTP/1.1\r\nHost: other.test\r\n\r\nGET /hidden") },
        { "a blank in the path", false, With("/@ x") },
        { "a blank in the query", false, With("/@?a b HTTP/1.1") },
        { "a tab in the query", false, With("/@?a\tb") },
        { "CR LF in the query", false, With("/@?a\r\nx-one: 1") },
        { "a path without a slash", false, With("@") },
        { "a path that is a URL", false, With("http://other.test/@") },
        { "a method with a blank", false, [(":method", "GET /hidden HTTP/1.1\r\nx: "), (":scheme", "http"), (":path", "/@"), (":authority", "web.test")] },
        { "a blank in the authority", false, [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":authority", "web.test other")] },
        { "a user in the authority", false, [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":authority", "me@web.test")] },
        { "CR LF in the authority", false, [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":authority", "web.test\r\nx-one: 1")] },
        { "CONNECT", false, [(":method", "CONNECT"), (":authority", "web.test:80")] },
        { "two lengths", false, Get(("content-length", "0"), ("content-length", "5")) },
        { "a length with a plus", false, Get(("content-length", "+0")) },
        { "a length that is not the body's", false, Get(("content-length", "5")) },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_means_one_thing_or_is_refused(string what, bool passes, (string Name, string Value)[] fields)
    {
        string name = Guid.NewGuid().ToString("N");
        await using HttpFrames client = await Connect();
        await client.Write(HttpFrames.Headers, HttpFrames.EndHeaders | HttpFrames.EndStream, 1, HttpFrames.Block(
            [.. fields.Select(field => (field.Name, field.Value.Replace("@", field.Name == ":authority" ? "@" : name, StringComparison.Ordinal)))]));

        string outcome = "the end";
        while (outcome == "the end" && await client.Read() is { } frame)
        {
            if (frame.Type is HttpFrames.GoAway or HttpFrames.Reset)
                outcome = "broken off";
            else if (frame is { Type: HttpFrames.Headers, Id: 1 })
                outcome = HttpFrames.Status(frame.Payload).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        RecordedRequest[] seen = [.. lab.Backend.Requests.Where(request => request.Line.Contains(name, StringComparison.Ordinal))];
        Assert.True(lab.Backend.Malformed.Count == 0, $"{what}: {string.Join('\n', lab.Backend.Malformed)}");
        Assert.DoesNotContain(lab.Backend.Requests, request => request.Line.Contains("hidden", StringComparison.Ordinal));
        if (!passes)
        {
            Assert.True(outcome is "400" or "404" or "405" or "broken off" or "the end", $"{what}: {outcome}");
            Assert.Empty(seen);
            return;
        }

        Assert.True(outcome == "200", $"{what}: {outcome}");
        RecordedRequest one = Assert.Single(seen);
        Assert.Equal($"GET /{name} HTTP/1.1", one.Line);
        Assert.Equal("web.test", one.One("host"));
    }

    /// <summary>The server ends the connection where it does not keep up with taking the streams away again.</summary>
    [Fact]
    public async Task Streams_that_are_reset_at_once_again_and_again_harm_nobody_else()
    {
        await using HttpFrames client = await Connect();
        byte[] headers = HttpFrames.Block([.. Get().Select(field => (field.Name, field.Value.Replace("@", "rapid", StringComparison.Ordinal)))]);
        Task flood = Flood(
            client,
            id =>
            [
                .. HttpFrames.Frame(HttpFrames.Headers, HttpFrames.EndHeaders | HttpFrames.EndStream, id, headers),
                .. HttpFrames.Frame(HttpFrames.Reset, 0, id, [0, 0, 0, 8]),
            ],
            reads: true,
            TimeSpan.FromSeconds(3));

        await StillServes();
        await flood;
        await StillServes();
        Assert.True(lab.Backend.Malformed.Count == 0, string.Join('\n', lab.Backend.Malformed));
    }

    [Theory]
    [InlineData("an empty header block that never ends")]
    [InlineData("a header block that never ends")]
    [InlineData("SETTINGS")]
    [InlineData("PING")]
    [InlineData("PRIORITY")]
    [InlineData("empty DATA")]
    [InlineData("WINDOW_UPDATE")]
    [InlineData("unknown frames")]
    public async Task A_flood_of_frames_harms_nobody_else(string what)
    {
        await using HttpFrames client = await Connect();
        byte[] request = HttpFrames.Block([.. Get().Select(field => (field.Name, field.Value.Replace("@", "flood", StringComparison.Ordinal)))]);
        byte[] start = what switch
        {
            "an empty header block that never ends" or "a header block that never ends" => HttpFrames.Frame(HttpFrames.Headers, HttpFrames.EndStream, 1, request),
            "empty DATA" => HttpFrames.Frame(HttpFrames.Headers, HttpFrames.EndHeaders, 1, HttpFrames.Block(
                (":method", "POST"), (":scheme", "http"), (":path", "/flood"), (":authority", "web.test"))),
            _ => [],
        };
        byte[] frame = what switch
        {
            "an empty header block that never ends" => HttpFrames.Frame(HttpFrames.Continuation, 0, 1, []),
            "a header block that never ends" => HttpFrames.Frame(HttpFrames.Continuation, 0, 1, HttpFrames.Block(("x-one", new string('a', 1000)))),
            "SETTINGS" => HttpFrames.Frame(HttpFrames.Settings, 0, 0, []),
            "PING" => HttpFrames.Frame(HttpFrames.Ping, 0, 0, new byte[8]),
            "PRIORITY" => HttpFrames.Frame(2, 0, 1, [0, 0, 0, 0, 16]),
            "empty DATA" => HttpFrames.Frame(HttpFrames.Data, 0, 1, []),
            "WINDOW_UPDATE" => HttpFrames.Frame(HttpFrames.WindowUpdate, 0, 0, [0, 0, 0, 1]),
            _ => HttpFrames.Frame(0xb0, 0, 1, [1, 2, 3]),
        };
        await client.Write(start);
        byte[] many = [.. Enumerable.Repeat(frame, 64).SelectMany(bytes => bytes)];
        // The client reads nothing of what it is told.
        bool endless = what.Contains("never ends", StringComparison.Ordinal);
        Task<bool> flood = Flood(client, _ => many, reads: false, endless ? MeshLab.Patience : TimeSpan.FromSeconds(2));
        await StillServes();
        Assert.True(await flood || !endless, "the connection was let go on");
        await StillServes();
    }

    [Fact]
    public async Task More_streams_than_allowed_are_refused()
    {
        await using HttpFrames client = await Connect();
        byte[] block = HttpFrames.Block((":method", "POST"), (":scheme", "http"), (":path", "/open"), (":authority", "web.test"));
        for (int id = 1; id <= 2 * 260; id += 2)
            await client.Write(HttpFrames.Headers, HttpFrames.EndHeaders, id, block);

        Assert.Equal([0, 0, 0, 7], await client.ReadUntil(HttpFrames.Reset, (2 * 250) + 1));
        await StillServes();
    }

    /// <summary>Sends for as long as it is let and has patience for; whether the connection was ended for it.</summary>
    private static async Task<bool> Flood(HttpFrames client, Func<int, byte[]> next, bool reads, TimeSpan patience)
    {
        Task<bool> told = reads ? Told(client) : Task.FromResult(false);
        using var enough = new CancellationTokenSource(patience);
        try
        {
            for (int id = 1; !enough.IsCancellationRequested && (!reads || !told.IsCompleted) && id < int.MaxValue - 2; id += 2)
                await client.Write(next(id)).WaitAsync(enough.Token);
        }
        catch (OperationCanceledException)
        {
            // What is sent is not taken any more.
            return reads && await told;
        }
        catch (IOException)
        {
            return true;
        }

        return reads && await told;
    }

    private static async Task<bool> Told(HttpFrames client)
    {
        while (await client.Read() is { } frame)
        {
            if (frame.Type == HttpFrames.GoAway)
                return true;
        }

        return true;
    }

    private async Task StillServes()
    {
        ProcessResult other = await lab.Curl($"http://{lab.Strict}/beside");
        Assert.Equal("ok", other.Output);
    }

    private async Task<HttpFrames> Connect()
    {
        var frames = new HttpFrames(new NetworkStream(await lab.Connect(lab.Strict), ownsSocket: true));
        await frames.Begin();
        return frames;
    }

    private static (string Name, string Value)[] Get(params (string Name, string Value)[] more) =>
        [(":method", "GET"), (":scheme", "http"), (":path", "/@"), (":authority", "web.test"), .. more];

    private static (string Name, string Value)[] With(string path) =>
        [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "web.test")];
}

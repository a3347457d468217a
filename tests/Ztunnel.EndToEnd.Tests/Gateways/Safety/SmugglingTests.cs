using System.Net.Sockets;
using System.Text;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Requests that two servers could read differently, sent as raw bytes. Each is refused, or reaches the backend as the one
/// request that it is; what would be smuggled never does.
/// </summary>
[Collection(nameof(SafetyLab))]
public sealed class SmugglingTests(SafetyLab lab)
{
    private const string Hidden = "GET /hidden HTTP/1.1\r\nHost: web.test\r\n\r\n";

    public static TheoryData<string, bool, string> Requests => new()
    {
        { "a plain one", true, "GET /@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a body", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\n\r\nabc" },
        { "a chunked body", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" },
        { "CL.TE", false, $"POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: {5 + Hidden.Length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Hidden}" },
        { "TE.CL", false, $"POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n29\r\n{Hidden}\r\n0\r\n\r\n" },
        { "TE.TE", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" },
        { "TE twice", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
        { "TE with a tab before it", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" },
        { "TE with a vertical tab", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" },
        { "TE in a quote", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" },
        { "TE under HTTP/1.0", false, "POST /@ HTTP/1.0\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { "TE not chunked last", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" },
        { "an underscore in its name", true, "GET /@ HTTP/1.1\r\nHost: web.test\r\nTransfer_Encoding: chunked\r\n\r\n" },
        { "CL twice, different", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd" },
        { "CL twice, same", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc" },
        { "CL as a list", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3, 3\r\n\r\nabc" },
        { "CL with a plus", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: +3\r\n\r\nabc" },
        { "CL with a minus", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: -3\r\n\r\nabc" },
        { "CL of minus zero", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: -0\r\n\r\n" },
        { "CL in hex", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 0x3\r\n\r\nabc" },
        { "CL with a fraction", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 3.0\r\n\r\nabc" },
        { "CL with an underscore", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 1_0\r\n\r\nabc" },
        { "CL too large", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: 99999999999999999999\r\n\r\nabc" },
        { "CL without a number", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length:\r\n\r\n" },
        { "a space before the colon", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length : 3\r\n\r\nabc" },
        { "a folded line", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX-One: 1\r\n two\r\n\r\n" },
        { "a folded length", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" },
        { "a line that begins with a space", false, "GET /@ HTTP/1.1\r\n Host: web.test\r\nHost: web.test\r\n\r\n" },
        { "a bare LF after a field", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX-One: 1\nX-Two: 2\r\n\r\n" },
        { "a bare LF after the request line", false, "GET /@ HTTP/1.1\nHost: web.test\r\n\r\n" },
        { "bare LFs only", false, "GET /@ HTTP/1.1\nHost: web.test\n\n" },
        { "a bare CR in a value", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX-One: 1\rX-Two: 2\r\n\r\n" },
        { "a NUL in a value", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX-One: 1\0\r\n\r\n" },
        { "a NUL in a name", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX\0One: 1\r\n\r\n" },
        { "no name", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\n: 1\r\n\r\n" },
        { "no colon", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nX-One\r\n\r\n" },
        { "an extension of a chunk", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3;name=value\r\nabc\r\n0;last\r\n\r\n" },
        { "a bare LF in an extension", false, $"POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3;\nxx\r\nabc\r\n0\r\n\r\n{Hidden}" },
        { "a bare CR in an extension", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n0\r\n\r\n" },
        { "a bare LF after a chunk's size", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n" },
        { "a bare LF after a chunk", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n" },
        { "a chunk longer than it says", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcde\r\n0\r\n\r\n" },
        { "a chunk's size with 0x", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n" },
        { "a chunk's size below zero", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n" },
        { "a chunk's size beyond what there is", false, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n100000003\r\nabc\r\n0\r\n\r\n" },
        { "a trailer that would be a length", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n" },
        { "another host in the target", false, "GET http://other.test/@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "the same host in the target", true, "GET http://web.test/@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a user in the target", false, "GET http://other.test@web.test/@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a target without a slash", false, "GET @ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a target with a space", false, "GET /@ x HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a target with a control character", false, "GET /@?a\u0001b HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a target with a tab", false, "GET /@?a\tb HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "two hosts", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nHost: other.test\r\n\r\n" },
        { "the same host twice", false, "GET /@ HTTP/1.1\r\nHost: web.test\r\nHost: web.test\r\n\r\n" },
        { "a host that is a list", false, "GET /@ HTTP/1.1\r\nHost: web.test, other.test\r\n\r\n" },
        { "a host with a user", false, "GET /@ HTTP/1.1\r\nHost: user@web.test\r\n\r\n" },
        { "a host with a path", false, "GET /@ HTTP/1.1\r\nHost: web.test/x\r\n\r\n" },
        { "no host", false, "GET /@ HTTP/1.1\r\n\r\n" },
        { "an upgrade to HTTP/2", true, "GET /@ HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" },
        { "an upgrade with a body", true, "POST /@ HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc" },
        { "TE other than trailers", true, "GET /@ HTTP/1.1\r\nHost: web.test\r\nTE: gzip\r\nConnection: TE\r\n\r\n" },
        { "CONNECT", false, "CONNECT web.test:80 HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "an unknown version", false, "GET /@ HTTP/1.2\r\nHost: web.test\r\n\r\n" },
        { "HTTP/1.0", false, "GET /@ HTTP/1.0\r\nHost: web.test\r\n\r\n" },
        { "no version", false, "GET /@\r\n\r\n" },
        { "a lower case method", true, "get /@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a method that is none", false, "G(T /@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a body of GET", true, $"GET /@ HTTP/1.1\r\nHost: web.test\r\nContent-Length: {Hidden.Length}\r\n\r\n{Hidden}" },
        { "empty lines before it", true, "\r\n\r\nGET /@ HTTP/1.1\r\nHost: web.test\r\n\r\n" },
        { "a length that Connection names", true, $"POST /@ HTTP/1.1\r\nHost: web.test\r\nConnection: keep-alive, content-length, transfer-encoding\r\nContent-Length: {Hidden.Length}\r\n\r\n{Hidden}" },
        { "a host that Connection names", true, "GET /@ HTTP/1.1\r\nHost: web.test\r\nConnection: host\r\n\r\n" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_means_one_thing_or_is_refused(string what, bool passes, string request)
    {
        string name = Guid.NewGuid().ToString("N");
        using Socket client = await lab.Connect(lab.Gateway);
        await client.SendAll(Encoding.Latin1.GetBytes(request.Replace("@", name, StringComparison.Ordinal)));
        string answers = await Answer(client);
        if (!IsRefused(answers))
        {
            // Whatever the gateway takes for the rest of the first would be in this one's way.
            await client.SendText($"GET /{name}-after HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n");
            answers += await client.ReceiveToEnd();
        }

        string seen = string.Join('\n', lab.Backend.Requests.Select(r => r.Line).Where(line => line.Contains(name, StringComparison.Ordinal)));
        Assert.True(lab.Backend.Malformed.Count == 0, $"{what}: {string.Join('\n', lab.Backend.Malformed)}");
        Assert.DoesNotContain(lab.Backend.Requests, r => r.Line.Contains("hidden", StringComparison.Ordinal));
        Assert.True(IsRefused(answers) != passes, $"{what}: {answers}\nbackend: {seen}");
        if (passes)
            Assert.Matches($"^[A-Za-z]+ /{name} HTTP/1.1\nGET /{name}-after HTTP/1.1$", seen);
        else
            Assert.Equal("", seen);
    }

    private static bool IsRefused(string answer) =>
        answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal) || answer.StartsWith("HTTP/1.1 505", StringComparison.Ordinal);

    /// <summary>The first answer, with its body.</summary>
    private static async Task<string> Answer(Socket client)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            string next = await client.ReceiveText("x");
            if (next.Length == 0)
                return text.ToString();
            text.Append(next);
        }

        return text.ToString() + (text.ToString().Contains("Content-Length: 2\r\n", StringComparison.OrdinalIgnoreCase) ? await client.ReceiveText("ok") : "");
    }
}

using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// An HTTP/1.1 server that writes down byte by byte what it was sent, and reads it as strictly as RFC 9112 allows: what
/// could be read in two ways is noted as malformed, and ends the connection. Answers as a test says, in its own bytes: with nothing the
/// connection is ended, with null it is reset.
/// </summary>
internal sealed class RecordingBackend : IAsyncDisposable
{
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    private readonly PodListener _listener;
    private readonly Func<RecordedRequest, string?> _answer;
    private readonly X509Certificate2? _certificate;
    private readonly ConcurrentBag<Task> _connections = [];
    private readonly ConcurrentQueue<RecordedRequest> _requests = [];
    private readonly ConcurrentQueue<string> _malformed = [];
    private readonly Task _accepting;

    private RecordingBackend(PodListener listener, Func<RecordedRequest, string?> answer, X509Certificate2? certificate)
    {
        _listener = listener;
        _certificate = certificate;
        _answer = answer;
        _accepting = Accept();
    }

    /// <summary>Where it listens: of the kernel's choice where it was started with 0.</summary>
    public int Port => _listener.Port;

    /// <summary>What came, in its order.</summary>
    public IReadOnlyCollection<RecordedRequest> Requests => _requests;

    /// <summary>What could not be read, and why.</summary>
    public IReadOnlyCollection<string> Malformed => _malformed;

    /// <summary>Starts one: in TLS where there is a certificate.</summary>
    public static RecordingBackend Start(LabHost host, int port, Func<RecordedRequest, string?>? answer = null, X509Certificate2? certificate = null) =>
        new(PodListener.Start(host, port), answer ?? Hop, certificate);

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task Accept()
    {
        while (true)
        {
            Socket client = await _listener.AcceptAnytime();
            _connections.Add(Serve(client, _connections.Count));
        }
    }

    private async Task Serve(Socket socket, int connection)
    {
        await using Stream stream = _certificate is null
            ? new NetworkStream(socket, ownsSocket: true)
            : new SslStream(new NetworkStream(socket, ownsSocket: true));
        var reader = new StrictReader(stream);
        try
        {
            if (stream is SslStream tls)
                await tls.AuthenticateAsServerAsync(_certificate!);
            for (int turn = 0; await reader.Head() is { } head; turn++)
            {
                RecordedRequest request = Parse(head) with { Connection = connection, Turn = turn };
                request = request with { Body = await reader.Body(request) };
                _requests.Enqueue(request);
                string? answer = _answer(request);
                if (answer is null)
                {
                    // Not by the stream, which would end it in order first.
                    socket.LingerState = new LingerOption(true, 0);
                    socket.Dispose();
                }

                if (string.IsNullOrEmpty(answer))
                    return;
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answer));
            }
        }
        catch (InvalidDataException e)
        {
            _malformed.Enqueue($"{e.Message}: {reader.Seen}");
        }
        catch (IOException)
        {
            // The gateway is done with the connection.
        }
    }

    private static string Hop(RecordedRequest request)
    {
        string named = request.Line.Contains("/latin", StringComparison.Ordinal) ? "X-Name: d\u00e9j\u00e0 vu\r\n" : "";
        string body = request.Line.StartsWith("HEAD ", StringComparison.Ordinal) ? "" : "ok";
        return $"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nConnection: x-hop\r\n{named}\r\n{body}";
    }

    private static RecordedRequest Parse(string head)
    {
        string[] lines = head.Split("\r\n");
        if (head.Replace("\r\n", "", StringComparison.Ordinal).AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
            throw new InvalidDataException("a bare CR or LF, or a NUL");
        if (lines[0].Split(' ') is not [_, ['/', ..], "HTTP/1.1"])
            throw new InvalidDataException("no request line");
        var headers = new List<(string Name, string Value)>();
        foreach (string line in lines[1..])
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0 || line.AsSpan(0, colon).IndexOfAnyExcept(Token) >= 0)
                throw new InvalidDataException("no header field");
            headers.Add((line[..colon].ToLowerInvariant(), line[(colon + 1)..].Trim(' ', '\t')));
        }

        var request = new RecordedRequest(lines[0], headers, "");
        if (request.All("host").Length != 1)
            throw new InvalidDataException("not one host");
        if (request.All("content-length").Length + request.All("transfer-encoding").Length > 1)
            throw new InvalidDataException("two lengths");
        return request;
    }

    /// <summary>Reads requests off a stream one after the other.</summary>
    private sealed class StrictReader(Stream stream)
    {
        private readonly StringBuilder _seen = new();
        private readonly byte[] _one = new byte[1];

        public string Seen => _seen.ToString();

        /// <summary>The next request's head without its last two line ends; null at the end.</summary>
        public async Task<string?> Head()
        {
            _seen.Clear();
            return await Next() < 0 ? null : await Until("\r\n\r\n");
        }

        public async Task<string> Body(RecordedRequest request)
        {
            if (request.All("content-length") is [var length])
                return await Exactly(Number(length, NumberStyles.None));
            if (request.All("transfer-encoding") is not [var coding])
                return "";
            if (coding != "chunked")
                throw new InvalidDataException("an unknown coding");
            var body = new StringBuilder();
            while (true)
            {
                int start = _seen.Length;
                int size = Number((await Until("\r\n"))[start..], NumberStyles.AllowHexSpecifier);
                body.Append(await Exactly(size));
                start = _seen.Length;
                if ((await Until("\r\n")).Length > start)
                    throw new InvalidDataException("a chunk without its end");
                if (size == 0)
                    return body.ToString();
            }
        }

        private static int Number(string text, NumberStyles style) =>
            int.TryParse(text, style, CultureInfo.InvariantCulture, out int number) ? number : throw new InvalidDataException("no length");

        private async Task<string> Exactly(int count)
        {
            int start = _seen.Length;
            while (_seen.Length < start + count)
                await Must();
            return _seen.ToString(start, count);
        }

        /// <summary>All that was seen of the request until <paramref name="end"/> comes, without it.</summary>
        private async Task<string> Until(string end)
        {
            int start = _seen.Length;
            while (_seen.Length < end.Length || (_seen.Length - start < end.Length && start > 1) || _seen.ToString(_seen.Length - end.Length, end.Length) != end)
                await Must();
            return _seen.ToString(0, _seen.Length - end.Length);
        }

        private async Task Must()
        {
            if (await Next() < 0)
                throw new EndOfStreamException("The gateway gave the request up.");
        }

        private async Task<int> Next()
        {
            if (await stream.ReadAsync(_one) == 0)
                return -1;
            _seen.Append((char)_one[0]);
            return _one[0];
        }
    }
}

/// <summary>One request as it came.</summary>
internal sealed record RecordedRequest(string Line, IReadOnlyList<(string Name, string Value)> Headers, string Body)
{
    /// <summary>The connection it came on, counted from 0.</summary>
    public int Connection { get; init; }

    /// <summary>How many came on that connection before it.</summary>
    public int Turn { get; init; }

    /// <summary>The values of a header, a line each.</summary>
    public string[] All(string name) => [.. Headers.Where(header => header.Name == name).Select(header => header.Value)];

    /// <summary>The value of a header that is there once.</summary>
    public string? One(string name) => All(name) is [var value] ? value : null;
}

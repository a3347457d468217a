using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using Google.Protobuf;

namespace Ztunnel.Identity;

/// <summary>
/// Unary gRPC calls to one server over HTTP/2 and TLS. Stands in for Grpc.Net.Client, of which this needs one kind of call.
/// Safe from any thread; calls share a connection.
/// </summary>
internal sealed class UnaryClient : IDisposable
{
    private const int MaxAnswer = 1024 * 1024;
    private const int MaxErrorText = 1024;

    private readonly Uri _address;
    private readonly HttpMessageInvoker _http;
    private readonly TimeProvider _time;

    /// <summary>Calls to a server; nothing is connected yet.</summary>
    /// <param name="connectTo">Scheme, host and port.</param>
    /// <param name="name">What the server calls itself, which is sent to it and is what its certificate is compared with.</param>
    /// <param name="verify">Whether to believe the server.</param>
    /// <param name="time">The clock of deadlines.</param>
    public UnaryClient(Uri connectTo, string name, RemoteCertificateValidationCallback verify, TimeProvider time)
    {
        _address = new UriBuilder(connectTo) { Host = name }.Uri;
        _time = time;
        _http = new HttpMessageInvoker(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = verify },
            // The framework knows one name for both, so the address is put in its place here.
            ConnectCallback = (_, stop) => Connect(connectTo, stop),
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            // A server that has died without a word is noticed, and a root that is withdrawn ends what was verified by it.
            KeepAlivePingDelay = TimeSpan.FromSeconds(15),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        });
    }

    /// <summary>
    /// Calls a method and returns its answer's bytes. Throws <see cref="GrpcException"/> where the server says no or what comes back
    /// is not gRPC, <see cref="HttpRequestException"/> or <see cref="IOException"/> where it cannot be reached, and
    /// <see cref="OperationCanceledException"/>.
    /// </summary>
    public async Task<byte[]> Call(
        string path,
        IMessage message,
        IEnumerable<KeyValuePair<string, string>> metadata,
        TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        using HttpRequestMessage request = Request(path, message, metadata, timeout);
        try
        {
            using HttpResponseMessage response = await _http.SendAsync(request, either.Token);
            return await ReadAnswer(response, either.Token);
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatus.DeadlineExceeded, $"no answer within {timeout.TotalSeconds} s");
        }
    }

    public void Dispose() => _http.Dispose();

    private static async ValueTask<Stream> Connect(Uri server, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(server.IdnHost, server.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private HttpRequestMessage Request(
        string path, IMessage message, IEnumerable<KeyValuePair<string, string>> metadata, TimeSpan timeout)
    {
        var content = new ByteArrayContent(GrpcWire.Frame(message));
        content.Headers.ContentType = new MediaTypeHeaderValue(GrpcWire.ContentType);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, path))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        // Says that trailers are understood; proxies that do not know them are told so by this.
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Headers.Add(GrpcWire.TimeoutHeader, GrpcWire.FormatTimeout(timeout));
        foreach ((string name, string value) in metadata)
            request.Headers.Add(name, value);
        return request;
    }

    private static async Task<byte[]> ReadAnswer(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.StatusCode != HttpStatusCode.OK)
            throw new GrpcException(OfHttp(response.StatusCode), $"the server answered HTTP {(int)response.StatusCode}");
        if (!GrpcWire.IsGrpc(response.Content.Headers.ContentType?.ToString()))
            throw new GrpcException(GrpcStatus.Unknown, "the answer's content type is not gRPC");
        // An answer that is only trailers has its status among the headers.
        ThrowUnlessOk(response.Headers);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
        byte[]? message = await GrpcWire.ReadMessage(body, MaxAnswer, cancellationToken);
        if (!ThrowUnlessOk(response.TrailingHeaders))
            throw new GrpcException(GrpcStatus.Internal, "the answer ended without a status");
        return message ?? throw new GrpcException(GrpcStatus.Internal, "the answer has a good status and no message");
    }

    /// <summary>Whether a good status is there; throws where it is another.</summary>
    private static bool ThrowUnlessOk(HttpResponseHeaders headers)
    {
        if (Single(headers, GrpcWire.StatusHeader) is not { } status)
            return false;
        if (!int.TryParse(status, NumberStyles.None, CultureInfo.InvariantCulture, out int code))
            throw new GrpcException(GrpcStatus.Unknown, "the answer's status is not a number");
        if (code == 0)
            return true;
        string text = Clean(GrpcWire.UnescapeMessage(Single(headers, GrpcWire.MessageHeader) ?? ""));
        throw new GrpcException(Enum.IsDefined((GrpcStatus)code) ? (GrpcStatus)code : GrpcStatus.Unknown, text);
    }

    private static string? Single(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out IEnumerable<string>? values) ? values.FirstOrDefault() : null;

    // What a server says goes to logs and pages of ours.
    private static string Clean(string text)
    {
        if (text.Length > MaxErrorText)
            text = text[..MaxErrorText] + "...";
        return string.Create(text.Length, text, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
                span[i] = char.IsControl(source[i]) ? ' ' : source[i];
        });
    }

    // "HTTP to gRPC Status Code Mapping", for what is between us and the server.
    private static GrpcStatus OfHttp(HttpStatusCode code) => code switch
    {
        HttpStatusCode.BadRequest => GrpcStatus.Internal,
        HttpStatusCode.Unauthorized => GrpcStatus.Unauthenticated,
        HttpStatusCode.Forbidden => GrpcStatus.PermissionDenied,
        HttpStatusCode.NotFound => GrpcStatus.Unimplemented,
        HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout => GrpcStatus.Unavailable,
        _ => GrpcStatus.Unknown,
    };
}

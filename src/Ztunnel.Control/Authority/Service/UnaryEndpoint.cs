using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// Serves one unary gRPC method over Kestrel's HTTP/2. Stands in for Grpc.AspNetCore, of which this needs one kind of call: errors in
/// answers that are only trailers, deadlines kept, nothing compressed, one message of bounded size each way.
/// </summary>
internal sealed partial class UnaryEndpoint
{
    /// <summary>The longest request, in bytes: several times what a signing request with a large key has.</summary>
    public const int LongestRequest = 64 * 1024;

    private readonly string _path;
    private readonly Func<HttpContext, byte[], CancellationToken, Task<IMessage>> _answer;
    private readonly ClientGate _gate;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    /// <summary>An endpoint of one method.</summary>
    /// <param name="path"><c>/PACKAGE.SERVICE/METHOD</c>.</param>
    /// <param name="answer">Answers a message's bytes, or throws <see cref="GrpcException"/>.</param>
    /// <param name="gate">Whom to serve.</param>
    /// <param name="time">The clock of deadlines.</param>
    /// <param name="logger">Gets what should not happen.</param>
    public UnaryEndpoint(
        string path, Func<HttpContext, byte[], CancellationToken, Task<IMessage>> answer, ClientGate gate, TimeProvider time, ILogger logger)
    {
        _path = path;
        _answer = answer;
        _gate = gate;
        _time = time;
        _logger = logger;
    }

    /// <summary>Serves one request.</summary>
    public async Task Serve(HttpContext http)
    {
        if (!GrpcWire.IsGrpc(http.Request.ContentType))
        {
            http.Response.StatusCode = StatusCodes.Status415UnsupportedMediaType;
            return;
        }

        http.Response.ContentType = GrpcWire.ContentType;
        using var deadline = new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, http.RequestAborted);
        try
        {
            using IDisposable? call = _gate.Enter(http);
            using ITimer? timer = Arm(http, deadline);
            IMessage answer = await Answer(http, either.Token);
            await http.Response.Body.WriteAsync(GrpcWire.Frame(answer), either.Token);
            http.Response.AppendTrailer(GrpcWire.StatusHeader, "0");
        }
        catch (Exception e)
        {
            Fail(http, e, deadline.IsCancellationRequested);
        }
    }

    private ITimer? Arm(HttpContext http, CancellationTokenSource deadline)
    {
        string timeout = http.Request.Headers[GrpcWire.TimeoutHeader].ToString();
        if (timeout.Length == 0)
            return null;
        if (!GrpcWire.TryParseTimeout(timeout, out TimeSpan left))
            throw new GrpcException(GrpcStatus.InvalidArgument, "grpc-timeout is not a deadline");
        // Longer than a timer can run is as good as none.
        return left < TimeSpan.FromDays(1)
            ? _time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), deadline, left, Timeout.InfiniteTimeSpan)
            : null;
    }

    private async Task<IMessage> Answer(HttpContext http, CancellationToken cancellationToken)
    {
        if (!HttpMethods.IsPost(http.Request.Method) || http.Request.Path != _path)
            throw new GrpcException(GrpcStatus.Unimplemented, "there is no such method here");
        string encoding = http.Request.Headers[GrpcWire.EncodingHeader].ToString();
        if (encoding is not ("" or "identity"))
            throw new GrpcException(GrpcStatus.Unimplemented, "compressed messages are not taken");
        byte[] message = await GrpcWire.ReadMessage(http.Request.Body, LongestRequest, cancellationToken)
            ?? throw new GrpcException(GrpcStatus.Internal, "the request has no message");
        return await _answer(http, message, cancellationToken);
    }

    private void Fail(HttpContext http, Exception error, bool late)
    {
        (GrpcStatus status, string detail) = error switch
        {
            GrpcException refused => (refused.Status, refused.Detail),
            OperationCanceledException when late => (GrpcStatus.DeadlineExceeded, "not within the deadline"),
            OperationCanceledException or ConnectionAbortedException or ConnectionResetException => (GrpcStatus.Cancelled, "cancelled"),
            BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => (GrpcStatus.ResourceExhausted, "the request is too long"),
            IOException => (GrpcStatus.Cancelled, "cancelled"),
            _ => (GrpcStatus.Internal, "the server failed"),
        };
        if (status == GrpcStatus.Internal && error is not GrpcException)
            LogFailed(error);
        if (http.RequestAborted.IsCancellationRequested)
            return;
        string number = ((int)status).ToString(CultureInfo.InvariantCulture);
        if (http.Response.HasStarted)
        {
            http.Response.AppendTrailer(GrpcWire.StatusHeader, number);
            return;
        }

        http.Response.Headers[GrpcWire.StatusHeader] = number;
        http.Response.Headers[GrpcWire.MessageHeader] = GrpcWire.EscapeMessage(detail);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "a certificate was asked for and the authority failed")]
    private partial void LogFailed(Exception error);
}

using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.Gateway;

/// <summary>An answer of the gateway's own, worded as Envoy does: that is what users look up.</summary>
/// <param name="Status">The status.</param>
/// <param name="Body">The body; empty for none.</param>
/// <param name="Flags">Envoy's letters for it in the access log; null for none.</param>
/// <param name="Details">Why, in Envoy's words for the access log.</param>
internal sealed record LocalReply(int Status, string Body = "", string? Flags = null, string Details = "direct_response")
{
    private const string Reset = "upstream_reset_before_response_started";

    /// <summary>No route is for the request.</summary>
    public static readonly LocalReply NotFound = new(StatusCodes.Status404NotFound, Flags: "NR", Details: "route_not_found");

    /// <summary>HTTP/1.0, which Istio's gateways do not speak either.</summary>
    public static readonly LocalReply UpgradeRequired = new(StatusCodes.Status426UpgradeRequired, Flags: "DPE", Details: "low_version");

    /// <summary>The request is for another listener than its connection (RFC 9110 section 15.5.20).</summary>
    public static readonly LocalReply Misdirected = new(StatusCodes.Status421MisdirectedRequest);

    /// <summary>The request cannot be understood, or could be understood differently behind us.</summary>
    public static readonly LocalReply BadRequest = new(StatusCodes.Status400BadRequest, Flags: "DPE", Details: "http_protocol_error");

    /// <summary>The method is none that is passed on.</summary>
    public static readonly LocalReply MethodNotAllowed = new(StatusCodes.Status405MethodNotAllowed);

    /// <summary>The rule has no backend.</summary>
    public static readonly LocalReply NoBackend = new(StatusCodes.Status500InternalServerError, Details: "no_backend");

    /// <summary>No endpoint is there to take the request.</summary>
    public static readonly LocalReply NoHealthyUpstream = new(
        StatusCodes.Status503ServiceUnavailable, "no healthy upstream", "UH", "no_healthy_upstream");

    /// <summary>The endpoint could not be connected to.</summary>
    public static readonly LocalReply ConnectFailure = new(
        StatusCodes.Status503ServiceUnavailable,
        "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
        "UF",
        $"{Reset}{{remote_connection_failure}}");

    /// <summary>The endpoint ended the connection before it answered.</summary>
    public static readonly LocalReply Disconnected = new(
        StatusCodes.Status503ServiceUnavailable,
        "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
        "UC",
        $"{Reset}{{connection_termination}}");

    /// <summary>The endpoint answered with what is no HTTP.</summary>
    public static readonly LocalReply ProtocolError = new(
        StatusCodes.Status502BadGateway,
        "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
        "UPE",
        $"{Reset}{{protocol_error}}");

    /// <summary>The client is too slow to send its body.</summary>
    public static readonly LocalReply BodyTimeout = new(StatusCodes.Status408RequestTimeout, "request timeout", Details: "request_overall_timeout");

    /// <summary>The endpoint did not answer within the route's timeout.</summary>
    public static readonly LocalReply RequestTimeout = new(StatusCodes.Status504GatewayTimeout, "upstream request timeout", "UT", "response_timeout");

    /// <summary>Nothing moved for too long.</summary>
    public static readonly LocalReply StreamTimeout = new(StatusCodes.Status504GatewayTimeout, "stream timeout", "SI", "stream_idle_timeout");

    /// <summary>More is under way to the service than its rule allows.</summary>
    public static readonly LocalReply Overflow = new(
        StatusCodes.Status503ServiceUnavailable,
        "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        "UO",
        $"{Reset}{{overflow}}")
    {
        Overloaded = true,
    };

    /// <summary>Whether the client is told that it is for want of room.</summary>
    public bool Overloaded { get; private init; }

    /// <summary>A backend or filter cannot be used: <paramref name="what"/> says which of them in the log, and <paramref name="why"/> the reason.</summary>
    public static LocalReply Fault(string what, string? why) =>
        new(StatusCodes.Status500InternalServerError, Details: why is null ? what : $"{what}{{{why.Replace(' ', '_')}}}");

    /// <summary>Answers. A gRPC caller gets the status where it looks for it.</summary>
    public async Task Write(HttpContext http)
    {
        HttpResponse response = http.Response;
        if (Overloaded)
            response.Headers["x-envoy-overloaded"] = "true";
        if (IsGrpc(http.Request))
        {
            response.StatusCode = StatusCodes.Status200OK;
            response.ContentType = "application/grpc";
            response.Headers["grpc-status"] = GrpcStatus().ToString(CultureInfo.InvariantCulture);
            if (Body.Length > 0)
                response.Headers["grpc-message"] = Uri.EscapeDataString(Body).Replace("%20", " ", StringComparison.Ordinal);
            response.ContentLength = 0;
            return;
        }

        response.StatusCode = Status;
        byte[] body = Encoding.UTF8.GetBytes(Body);
        response.ContentLength = body.Length;
        if (body.Length == 0)
            return;
        response.ContentType = "text/plain";
        if (!HttpMethods.IsHead(http.Request.Method))
            await response.Body.WriteAsync(body);
    }

    private static bool IsGrpc(HttpRequest request) =>
        request.ContentType is { } type
        && type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase)
        && (type.Length == "application/grpc".Length || type["application/grpc".Length] is '+' or ';');

    /// <summary>The gRPC status that stands for an HTTP status (gRPC, "HTTP to gRPC Status Code Mapping").</summary>
    private int GrpcStatus() => Status switch
    {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 or 502 or 503 or 504 => 14,
        _ => 2,
    };
}

using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Telemetry;

/// <summary>
/// What is known of one request through a gateway, handed to <see cref="AccessLog.Write(RequestRecord)"/> once it is answered, and
/// not touched after that. The fields and their meaning are those of Envoy's access log; who asked is said as ztunnel says it.
/// </summary>
public sealed class RequestRecord
{
    /// <summary><c>method</c>.</summary>
    public required string Method { get; init; }

    /// <summary><c>path</c>: path and query as asked for. Tokens in the query are not written.</summary>
    public required string Path { get; init; }

    /// <summary><c>protocol</c>, such as HTTP/1.1.</summary>
    public required string Protocol { get; init; }

    /// <summary><c>authority</c>: the host asked for.</summary>
    public string? Authority { get; init; }

    /// <summary><c>response_code</c>; 0 when the client went away before there was an answer.</summary>
    public required int Status { get; init; }

    /// <summary><c>response_flags</c>: Envoy's letters for what went wrong, such as NR; null for nothing.</summary>
    public string? Flags { get; init; }

    /// <summary><c>response_code_details</c>: who answered, and why.</summary>
    public string? Details { get; init; }

    /// <summary><c>bytes_received</c>: of the request's body.</summary>
    public long BytesReceived { get; init; }

    /// <summary><c>bytes_sent</c>: of the answer's body.</summary>
    public long BytesSent { get; init; }

    /// <summary><c>duration</c>, from the request's header to the end of the answer; written in whole milliseconds.</summary>
    public required TimeSpan Duration { get; init; }

    /// <summary><c>upstream_service_time</c>: milliseconds until the backend's answer began; null where none answered.</summary>
    public long? UpstreamServiceTime { get; init; }

    /// <summary><c>upstream_host</c>: the endpoint that was tried last.</summary>
    public string? UpstreamHost { get; init; }

    /// <summary><c>upstream_cluster</c>: the full DNS name of the service it was routed to; null where there is none.</summary>
    public string? ServiceHost { get; init; }

    /// <summary>The port of <see cref="ServiceHost"/>.</summary>
    public ushort ServicePort { get; init; }

    /// <summary><c>route_name</c>: the rule it was routed by, as <c>namespace.name.index</c>.</summary>
    public HttpRule? Rule { get; init; }

    /// <summary><c>request_id</c>.</summary>
    public string? RequestId { get; init; }

    /// <summary><c>x_forwarded_for</c>, as sent on.</summary>
    public string? ForwardedFor { get; init; }

    /// <summary><c>user_agent</c>.</summary>
    public string? UserAgent { get; init; }

    /// <summary><c>downstream_remote_address</c>: who connected.</summary>
    public required IPEndPoint Client { get; init; }

    /// <summary><c>src.identity</c>: who asked, as a certificate proved; null at the edge of the mesh.</summary>
    public SpiffeId? SourceIdentity { get; init; }

    /// <summary><c>requested_server_name</c>: the name asked for in the TLS handshake.</summary>
    public string? ServerName { get; init; }
}

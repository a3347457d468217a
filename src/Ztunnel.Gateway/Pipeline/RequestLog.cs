using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Gateway;

/// <summary>Tells the access log of requests. Costs nothing while that is off.</summary>
internal sealed class RequestLog(AccessLog log, MeshState mesh, RequestsUnderWay underWay)
{
    /// <summary>Begins to watch a request; null where nobody wants to know.</summary>
    public Watch? Begin(Exchange exchange) => log.Enabled ? new Watch(this, exchange) : null;

    private bool TimeIsOver => underWay.TimeIsOver;

    private void Write(RequestRecord record) => log.Write(record);

    private string? HostnameOf(ServiceName? service) => service is null ? null : mesh.ServiceByName(service)?.Hostname;

    /// <summary>One request on its way.</summary>
    internal sealed class Watch
    {
        private readonly RequestLog _log;
        private readonly Exchange _exchange;
        private readonly string _target;
        private readonly long _started = Stopwatch.GetTimestamp();
        private readonly ByteCount _received = new();
        private readonly ByteCount _sent = new();

        public Watch(RequestLog log, Exchange exchange)
        {
            _log = log;
            _exchange = exchange;
            HttpContext http = exchange.Http;
            _target = http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
            exchange.Counting = _sent;
            if (http.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && !ProtocolUpgrade.IsAskedFor(http))
                http.Request.Body = new CountedStream(http.Request.Body, _received);
        }

        /// <summary>Writes the line: the request is answered, or nobody waits for it any more.</summary>
        public void End()
        {
            HttpContext http = _exchange.Http;
            HttpRequest request = http.Request;
            bool gone = (http.RequestAborted.IsCancellationRequested || (_exchange.ClientHasEnded && !http.Response.HasStarted))
                && _exchange.Answered?.Flags is null && !_exchange.Broken;
            bool cut = gone && _log.TimeIsOver;
            var tunnel = _exchange.Entry as Entry.Tunnel;
            _log.Write(new RequestRecord
            {
                Method = request.Method,
                Path = _target,
                Protocol = request.Protocol,
                Authority = request.Host.Value,
                Status = gone && !http.Response.HasStarted ? 0 : http.Response.StatusCode,
                Flags = cut ? null : gone ? "DC" : _exchange.Broken ? "UC" : _exchange.Answered?.Flags,
                Details = cut ? "drain_time_over" : gone ? "downstream_remote_disconnect" : _exchange.Answered?.Details ?? "via_upstream",
                BytesReceived = _received.Bytes,
                BytesSent = Sent(http),
                Duration = Stopwatch.GetElapsedTime(_started),
                UpstreamServiceTime = _exchange.UpstreamTook,
                UpstreamHost = _exchange.Upstream?.Address,
                ServiceHost = _log.HostnameOf(_exchange.Service),
                ServicePort = _exchange.Port,
                Rule = _exchange.Rule,
                RequestId = Text(request, EdgeHeaders.RequestId),
                ForwardedFor = Text(request, EdgeHeaders.ForwardedFor),
                UserAgent = Text(request, "User-Agent"),
                Client = _exchange.Entry.Client,
                SourceIdentity = tunnel?.Peer,
                ServerName = (_exchange.Entry as Entry.Listener)?.ServerName,
            });
        }

        private long Sent(HttpContext http)
        {
            if (HttpMethods.IsHead(http.Request.Method) || http.Response.StatusCode is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified)
                return 0;
            return http.Response.ContentLength ?? _sent.Bytes;
        }

        private static string? Text(HttpRequest request, string name) => request.Headers[name] is { Count: > 0 } values ? values.ToString() : null;
    }
}

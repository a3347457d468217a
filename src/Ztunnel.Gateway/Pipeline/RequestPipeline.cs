using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Primitives;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// What happens to a request, in this order: it is understood or refused, its headers are made trustworthy, it is judged
/// by the policies, routed, filtered, and sent to a backend or answered here.
/// </summary>
internal sealed class RequestPipeline(
    MeshState mesh,
    GatewayPod gateway,
    IReadOnlyList<GatewayLoop> loops,
    IRequestGuard guard,
    BackendForwarder backends,
    HttpLimits limits,
    RequestsUnderWay underWay,
    RequestLog log)
{
    private readonly MinDataRate? _bodyRate = limits.BodyRate == 0 ? null : new MinDataRate(limits.BodyRate, limits.BodyGrace);

    /// <summary>Answers a request.</summary>
    public async Task Answer(HttpContext http)
    {
        underWay.Enter();
        try
        {
            await Serve(http);
        }
        finally
        {
            underWay.Leave(http.RequestAborted.IsCancellationRequested);
        }
    }

    private async Task Serve(HttpContext http)
    {
        ChannelConnection connection = http.Features.Get<ChannelConnection>()
            ?? throw new InvalidOperationException("A request that came over no connection of ours.");
        await new LoopSwitch(connection.Loop);
        var exchange = new Exchange(http, connection, loops[connection.Loop.Index], gateway.Ports) { Leaving = underWay.Stopping };
        RequestLog.Watch? watch = log.Begin(exchange);
        try
        {
            if (!Understand(exchange, out RequestTarget target, out LocalReply? refusal))
            {
                exchange.Leaving = true;
                await exchange.Reply(refusal);
                return;
            }

            LimitBody(http);
            EdgeHeaders.Prepare(http.Request, exchange.Entry, exchange.On.Ids);
            if (await Judge(exchange, target.Path) is { } denied)
            {
                await exchange.Reply(denied);
                return;
            }

            await new LoopSwitch(connection.Loop);
            if (Route(exchange, target) is { } reply)
                await exchange.Reply(reply);
            else
                await backends.Forward(exchange);
        }
        finally
        {
            watch?.End();
        }
    }

    /// <summary>Whether what the client says has one meaning. What could be read differently behind us is the material of smuggling.</summary>
    private static bool Understand(Exchange exchange, out RequestTarget target, [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out LocalReply? refusal)
    {
        HttpContext http = exchange.Http;
        IHeaderDictionary headers = http.Request.Headers;
        refusal = LocalReply.BadRequest;
        target = default;
        if (HttpProtocol.IsHttp10(http.Request.Protocol))
        {
            refusal = LocalReply.UpgradeRequired;
            return false;
        }

        bool isConnect = HttpMethods.IsConnect(http.Request.Method);
        bool isUpgrade = ProtocolUpgrade.IsAskedFor(http);
        if (isConnect && !isUpgrade)
        {
            refusal = LocalReply.MethodNotAllowed;
            return false;
        }

        if (isUpgrade)
            exchange.Method = HttpMethods.Get;
        if (!HasOneLength(headers) || (HttpProtocol.IsHttp2(http.Request.Protocol) && SpeaksOfItsConnection(headers)))
            return false;
        if (!HeaderNames.AreTokens(headers))
            return false;
        if (http.Features.Get<IHttpRequestFeature>() is not { RawTarget: { } raw } || !RequestTarget.TryRead(raw, out target))
            return false;
        exchange.Path = target.Path.Text;
        exchange.Query = target.Query;
        refusal = exchange.Path == "*" ? LocalReply.NotFound : null;
        return refusal is null;
    }

    private static bool HasOneLength(IHeaderDictionary headers)
    {
        StringValues coding = headers.TransferEncoding;
        if (coding.Count == 0)
            return true;
        // The server takes the former for what counts and keeps the latter under another name (RFC 9112 section 6.3).
        return headers.ContentLength is null
            && !headers.ContainsKey("X-Content-Length")
            && coding.Count == 1
            && string.Equals(coding[0], "chunked", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>What a request over HTTP/2 must not say (RFC 9113 section 8.2.2); the server refuses Connection itself.</summary>
    private static bool SpeaksOfItsConnection(IHeaderDictionary headers) =>
        headers.TransferEncoding.Count > 0 || headers.Upgrade.Count > 0 || headers.KeepAlive.Count > 0 || headers.ContainsKey("Proxy-Connection");

    private void LimitBody(HttpContext http)
    {
        HttpRequest request = http.Request;
        if (_bodyRate is not null && HttpProtocol.IsHttp11(request.Protocol) && (request.ContentLength > 0 || request.Headers.TransferEncoding.Count > 0)
            && http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } feature)
        {
            feature.MinDataRate = _bodyRate;
        }
    }

    /// <summary>Asks the policies; not null where they refuse the request.</summary>
    private async ValueTask<LocalReply?> Judge(Exchange exchange, HttpPath path)
    {
        GuardDecision decision = await guard.Judge(exchange.Http, exchange.Entry, exchange.Ports, exchange.Method, path);
        if (decision.Refusal is { } refusal)
        {
            if (refusal.Challenge is { } challenge)
                exchange.ChangeResponse(new HeaderChange { Set = [new HeaderValue("www-authenticate", challenge)] });
            return new LocalReply(refusal.Status, refusal.Body, Details: DetailsOf(refusal));
        }

        decision.ApplyTo(exchange.Http.Request.Headers);
        if (decision.Query is { } query)
            exchange.Query = query.Length == 0 ? null : query;
        return null;
    }

    /// <summary>Why a request was refused, in Envoy's words.</summary>
    private static string DetailsOf(GuardRefusal refusal) => refusal.Status switch
    {
        StatusCodes.Status403Forbidden => $"rbac_access_denied_matched_policy[{(object?)refusal.Policy ?? "none"}]",
        StatusCodes.Status401Unauthorized => $"jwt_authn_access_denied{{{refusal.Detail.Replace(' ', '_')}}}",
        _ => refusal.Reason,
    };

    /// <summary>Finds what the request is for and applies its filters; not null where it is answered here.</summary>
    private LocalReply? Route(Exchange exchange, in RequestTarget target)
    {
        HttpRequest request = exchange.Http.Request;
        var facts = new HttpRequestFacts
        {
            Host = request.Host.Host,
            Method = exchange.Method,
            Path = target.Path.Text,
            Query = exchange.Query,
            Headers = new RequestHeaders(request.Headers),
        };
        switch (RequestRouter.Decide(mesh, exchange.Ports, exchange.Entry, facts))
        {
            case RouteDecision.Reply reply:
                return reply.Answer;
            case RouteDecision.ToWorkload { Destination: var destination }:
                exchange.Destination = destination;
                exchange.Protocol = PortProtocol.ForRequest(BackendProtocol.Http1, request, declared: false);
                return null;
            case RouteDecision.ToService { Service: var service, Port: var port }:
                exchange.Service = service.Name;
                exchange.Port = port;
                exchange.Protocol = PortProtocol.ForRequest(service, port, request);
                return null;
            case RouteDecision.Rule { Match: var match }:
                return Apply(match, exchange, facts);
            default:
                throw new InvalidOperationException("No meaning for that decision.");
        }
    }

    private static LocalReply? Apply(HttpRouteMatch match, Exchange exchange, in HttpRequestFacts facts)
    {
        HttpRule rule = match.Rule;
        exchange.Rule = rule;
        if (RuleFilters.Apply(rule.Filters, exchange, match.Match.Path, facts) is { } answered)
            return answered;
        if (rule.Choose(Random.Shared.NextDouble()) is not { } backend)
            return LocalReply.NoBackend;
        if (backend is not { Fault: null, Service: { } service })
            return LocalReply.Fault("backend_fault", backend.Fault);
        if (RuleFilters.Apply(backend.Filters, exchange, match.Match.Path, facts) is { } answeredForBackend)
            return answeredForBackend;
        exchange.Service = service;
        exchange.Port = backend.Port;
        exchange.Protocol = rule.Grpc ? BackendProtocol.Http2 : PortProtocol.ForRequest(backend.Protocol, exchange.Http.Request, declared: true);
        exchange.Timeout = rule.RequestTimeout;
        exchange.TryTimeout = rule.BackendTimeout;
        exchange.Retry = RetryRule.Of(rule.Retry);
        return null;
    }
}

using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Sends a request to an endpoint and its answer back, and copies of it to mirrors. What fails is tried again where the request's
/// rule says so and nothing of an answer has left, at another endpoint first.
/// </summary>
internal sealed class BackendForwarder(MeshState mesh, GatewayPod gateway, IHttpForwarder forwarder, HttpLimits limits)
{
    private const string AttemptCount = "x-envoy-attempt-count";
    private const int MostBodyKept = 64 * 1024;

    private readonly MirrorSender _mirrors = new(mesh, gateway);

    private readonly ForwarderRequestConfig _http1 = new()
    {
        Version = HttpVersion.Version11,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        ActivityTimeout = limits.StreamIdleTimeout,
    };

    private readonly ForwarderRequestConfig _http2 = new()
    {
        Version = HttpVersion.Version20,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        ActivityTimeout = limits.StreamIdleTimeout,
    };

    /// <summary>Forwards a request to where it was routed, and answers it when that fails.</summary>
    public async Task Forward(Exchange exchange)
    {
        HttpContext http = exchange.Http;
        bool hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false;
        RequestBody? body = hasBody ? Keep(exchange) : null;
        using var tries = new RequestTries(exchange.Retry, body, hasBody, exchange.Timeout, exchange.TryTimeout);
        exchange.Tries = tries;
        if (exchange.Mirrors is not null)
            _mirrors.Send(exchange, body);
        LocalReply? failure = await Try(exchange, tries);
        body?.Leave();
        if (failure is null)
            return;
        http.Response.Clear();
        await exchange.Reply(failure);
    }

    /// <summary>Lets what is read of the body be seen, where anybody may want it beside the first backend that is tried.</summary>
    private static RequestBody? Keep(Exchange exchange)
    {
        HttpRequest request = exchange.Http.Request;
        bool isKept = exchange.Retry.NeedsBody && request.ContentLength is null or <= MostBodyKept;
        if ((!isKept && exchange.Mirrors is null) || HttpMethods.IsConnect(request.Method))
            return null;
        var body = new RequestBody(request.Body, request.ContentLength, MostBodyKept);
        request.Body = body;
        return body;
    }

    /// <summary>Tries until there is an answer, which is then sent. Where there is none, what to say instead.</summary>
    private async Task<LocalReply?> Try(Exchange exchange, RequestTries tries)
    {
        LocalReply failure = LocalReply.NoHealthyUpstream;
        while (true)
        {
            Route route = Choose(exchange, tries);
            if (route is Route.Deny)
                return failure;
            ForwarderError error = await Send(exchange, route, tries);
            if (!tries.Refused)
            {
                if (error == ForwarderError.None || exchange.Http.Response.HasStarted || exchange.Http.RequestAborted.IsCancellationRequested)
                    return null;
                failure = Explain(exchange, tries, error, out TryFailure? reason);
                if (reason is not { } why || !tries.Again(why))
                    return failure;
            }

            tries.Fail(route.Endpoint);
            exchange.Http.Response.Clear();
            if (!await tries.Wait(exchange.Http.RequestAborted))
                return tries.TimedOut ? LocalReply.RequestTimeout : null;
            await new LoopSwitch(exchange.On.Loop);
        }
    }

    private Route Choose(Exchange exchange, RequestTries tries)
    {
        Route route = ChooseAmongRest(exchange, tries);
        if (route is not Route.Deny || tries.Failed is null)
            return route;
        tries.Forgive();
        return ChooseAmongRest(exchange, tries);
    }

    private Route ChooseAmongRest(Exchange exchange, RequestTries tries)
    {
        LeastRequestsPicker picker = exchange.On.Picker;
        picker.Tried.Clear();
        if (tries.Failed is { } failed)
            picker.Tried.AddRange(failed);
        return exchange.Service is { } service
            ? mesh.RouteToService(gateway.Workload, service, exchange.Port, picker, AskedOf(exchange.Entry, service))
            : mesh.RouteToWorkload(exchange.Destination!);
    }

    /// <summary>The address the client asked for, where that is the service's.</summary>
    private static IPEndPoint? AskedOf(Entry entry, ServiceName service) =>
        entry is Entry.Tunnel { Service: { } asked, Destination: var destination } && asked.Name == service ? destination : null;

    private async Task<ForwarderError> Send(Exchange exchange, Route route, RequestTries tries)
    {
        Upstream upstream = exchange.On.Upstreams.Of(route);
        upstream.Enter();
        try
        {
            CancellationToken end = tries.Begin();
            exchange.Http.Request.Headers[AttemptCount] = tries.Number == 1 ? "1" : tries.Number.ToString(CultureInfo.InvariantCulture);
            ForwarderRequestConfig config = exchange.Protocol == BackendProtocol.Http2 ? _http2 : _http1;
            return await forwarder.SendAsync(exchange.Http, upstream.Prefix, upstream.Client, config, exchange, end);
        }
        finally
        {
            upstream.Leave();
        }
    }

    /// <summary>What to say of a try without an answer.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="tries">Its tries.</param>
    /// <param name="error">How the last ended.</param>
    /// <param name="reason">Why, or null where it is not the backend's doing.</param>
    private static LocalReply Explain(Exchange exchange, RequestTries tries, ForwarderError error, out TryFailure? reason)
    {
        Exception? cause = exchange.Http.Features.Get<IForwarderErrorFeature>()?.Exception;
        exchange.Http.Features.Set<IForwarderErrorFeature>(null);
        reason = TryFailure.TimedOut;
        if (tries.TimedOut || tries.TryTimedOut)
            return LocalReply.RequestTimeout;
        if (error == ForwarderError.RequestTimedOut)
            return LocalReply.StreamTimeout;
        if (error == ForwarderError.RequestBodyClient)
        {
            reason = null;
            return cause is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } ? LocalReply.BodyTimeout : LocalReply.BadRequest;
        }

        switch ((cause as HttpRequestException)?.HttpRequestError)
        {
            case HttpRequestError.ConnectionError:
                reason = TryFailure.NotConnected;
                return LocalReply.ConnectFailure;
            case HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError or HttpRequestError.ConfigurationLimitExceeded:
                reason = TryFailure.Broken;
                return LocalReply.ProtocolError;
            default:
                reason = TryFailure.Broken;
                return LocalReply.Disconnected;
        }
    }
}

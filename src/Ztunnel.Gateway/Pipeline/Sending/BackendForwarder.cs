using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;
using Ztunnel.Mesh;
using Endpoint = Ztunnel.Mesh.Endpoint;

namespace Ztunnel.Gateway;

/// <summary>
/// Sends a request to an endpoint and its answer back, and copies of it to mirrors. What fails is tried again where the request's
/// rule says so and nothing of an answer has left, at another endpoint first.
/// </summary>
internal sealed class BackendForwarder(MeshState mesh, GatewayPod gateway, TrafficTable rules, IHttpForwarder forwarder, HttpLimits limits)
{
    private const string AttemptCount = "x-envoy-attempt-count";
    private const int MostBodyKept = 64 * 1024;

    private readonly MirrorSender _mirrors = new(mesh, gateway, rules);

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

    /// <summary>What became of copies of requests.</summary>
    public MirrorCounts Mirrors => _mirrors.Counts;

    /// <summary>Forwards a request to where it was routed, and answers it when that fails.</summary>
    public async Task Forward(Exchange exchange)
    {
        HttpContext http = exchange.Http;
        bool hasBody = http.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody != false;
        RequestBody? body = hasBody ? Keep(exchange) : null;
        if (exchange.Service is { } service && rules.Of(service, exchange.Port) is { } traffic)
            Obey(exchange, traffic);
        using var tries = new RequestTries(exchange.Retry, exchange.Traffic, body, hasBody, exchange.Timeout, exchange.TryTimeout);
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

    /// <summary>Takes into account what the rule of the request's service says of it.</summary>
    private static void Obey(Exchange exchange, ServiceTraffic traffic)
    {
        exchange.Traffic = traffic;
        if (traffic.Policy.LoadBalancer?.Hash is { } key)
            exchange.Affinity = RequestHash.Of(key, exchange);
        if (exchange.Protocol == BackendProtocol.Http1 && traffic.Policy.ConnectionPool is { UpgradeToHttp2: true } && !ProtocolUpgrade.IsAskedFor(exchange.Http))
            exchange.Protocol = BackendProtocol.Http2;
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
            (ForwarderError error, Endpoint? at, LocalReply? refusal) = exchange.Traffic is null
                ? await Send(exchange, tries)
                : await SendWithinLimits(exchange, exchange.Traffic, tries);
            if (refusal is not null)
                return refusal == LocalReply.NoHealthyUpstream ? failure : refusal;
            TryFailure? reason = null;
            if (!tries.Refused)
            {
                if (error == ForwarderError.None || exchange.Http.Response.HasStarted || exchange.Http.RequestAborted.IsCancellationRequested
                    || (error == ForwarderError.RequestBodyClient && exchange.ClientHasEnded))
                {
                    exchange.Broken = error == ForwarderError.ResponseBodyDestination;
                    return null;
                }

                failure = Explain(exchange, tries, error, out reason);
                if (reason is not { } why || !tries.Again(why))
                    return failure;
            }

            // Requests that belong together stay so, as long as their endpoint can be reached.
            if (exchange.Affinity is null || reason == TryFailure.NotConnected)
                tries.Fail(at);
            exchange.Http.Response.Clear();
            if (!await tries.Wait(exchange.Http.RequestAborted))
                return tries.TimedOut ? LocalReply.RequestTimeout : null;
            await new LoopSwitch(exchange.On.Loop);
        }
    }

    /// <summary>One try, once the rule of the request's service lets it, and takes note of how it went.</summary>
    private async Task<Tried> SendWithinLimits(Exchange exchange, ServiceTraffic traffic, RequestTries tries)
    {
        bool needsConnection = exchange.Protocol != BackendProtocol.Http2;
        try
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(tries.Deadline, exchange.Http.RequestAborted);
            if (!await traffic.Limits.Enter(traffic.Policy.ConnectionPool, needsConnection, end.Token))
                return new Tried(ForwarderError.Request, null, LocalReply.Overflow);
        }
        catch (OperationCanceledException)
        {
            return new Tried(ForwarderError.RequestCanceled, null, LocalReply.RequestTimeout);
        }

        try
        {
            await new LoopSwitch(exchange.On.Loop);
            return await Send(exchange, tries);
        }
        finally
        {
            traffic.Limits.Leave(traffic.Policy.ConnectionPool, needsConnection);
        }
    }

    /// <summary>One try.</summary>
    private async Task<Tried> Send(Exchange exchange, RequestTries tries)
    {
        Route route = Choose(exchange, tries);
        if (route is Route.Deny)
            return new Tried(ForwarderError.NoAvailableDestinations, null, LocalReply.NoHealthyUpstream);
        Upstream upstream = exchange.On.Upstreams.Of(route, exchange.Traffic);
        upstream.Enter();
        try
        {
            exchange.Upstream = upstream;
            CancellationToken end = tries.Begin();
            exchange.Http.Request.Headers[AttemptCount] = tries.Number == 1 ? "1" : tries.Number.ToString(CultureInfo.InvariantCulture);
            ForwarderRequestConfig config = exchange.Protocol == BackendProtocol.Http2 ? _http2 : _http1;
            ForwarderError error = await forwarder.SendAsync(exchange.Http, upstream.Prefix, upstream.Client, config, exchange, end);
            bool overflowed = error != ForwarderError.None && IsOverflow(exchange.Http);
            if (upstream.Health is { } health && !overflowed)
                Note(exchange, health, tries, error);
            return new Tried(error, route.Endpoint, overflowed ? LocalReply.Overflow : null);
        }
        finally
        {
            upstream.Leave();
        }
    }

    private static bool IsOverflow(HttpContext http) =>
        http.Features.Get<IForwarderErrorFeature>()?.Exception is { InnerException: PoolOverflowException };

    /// <summary>Takes note of what an endpoint did, unless it was the client's doing.</summary>
    private static void Note(Exchange exchange, EndpointHealth health, RequestTries tries, ForwarderError error)
    {
        if (tries.Status != 0)
            exchange.Traffic!.Answered(health, tries.Status);
        else if (error is not (ForwarderError.None or ForwarderError.RequestBodyClient) && !exchange.Http.RequestAborted.IsCancellationRequested)
            exchange.Traffic!.Failed(health, tookTooLong: tries.TimedOut || tries.TryTimedOut);
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
        if (exchange.Service is not { } service)
            return mesh.RouteToWorkload(exchange.Destination!);
        UpstreamPicker picker = exchange.On.Picker.For(exchange.Traffic, exchange.Affinity, exchange.Entry.Client.Address, tries.Failed);
        return mesh.RouteToService(gateway.Workload, service, exchange.Port, picker, AskedOf(exchange.Entry, service));
    }

    /// <summary>The address the client asked for, where that is the service's.</summary>
    private static IPEndPoint? AskedOf(Entry entry, ServiceName service) =>
        entry is Entry.Tunnel { Service: { } asked, Destination: var destination } && asked.Name == service ? destination : null;

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
            // Called off, where neither the client nor a deadline did it, because nothing moved.
            return cause is AggregateException { InnerExceptions: [OperationCanceledException, ..] } ? LocalReply.StreamTimeout
                : IsTooSlow(cause) ? LocalReply.BodyTimeout
                : LocalReply.BadRequest;
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
                reason = IsStale(cause) && MayBeDoneTwice(exchange)
                    ? TryFailure.Stale
                    : TryFailure.Broken;
                return LocalReply.Disconnected;
        }
    }

    /// <summary>Whether its method is one that does the same twice as once, which a proxy may send again (RFC 9110 section 9.2.2).</summary>
    private static bool MayBeDoneTwice(Exchange exchange) =>
        HttpMethods.IsGet(exchange.Method) || HttpMethods.IsHead(exchange.Method) || HttpMethods.IsPut(exchange.Method)
        || HttpMethods.IsDelete(exchange.Method) || HttpMethods.IsOptions(exchange.Method) || HttpMethods.IsTrace(exchange.Method);

    /// <summary>Whether the client's body came too slowly. The forwarder wraps what went wrong with it in what came of that.</summary>
    private static bool IsTooSlow(Exception? cause) => cause switch
    {
        null => false,
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } => true,
        AggregateException several => several.InnerExceptions.Any(IsTooSlow),
        _ => IsTooSlow(cause.InnerException),
    };

    /// <summary>Whether the backend had given the connection up. Told by a read, or by a write of the head or of the body.</summary>
    private static bool IsStale(Exception? cause) => cause switch
    {
        null => false,
        StaleConnectionException => true,
        AggregateException several => several.InnerExceptions.Any(IsStale),
        _ => IsStale(cause.InnerException),
    };

    /// <summary>What came of a try.</summary>
    /// <param name="Error">How it ended.</param>
    /// <param name="At">Where it was.</param>
    /// <param name="Refusal">What to say where there was no try; null where there was.</param>
    private readonly record struct Tried(ForwarderError Error, Endpoint? At, LocalReply? Refusal);
}

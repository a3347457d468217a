using System.Net;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;
using Ztunnel.Mesh;
using Endpoint = Ztunnel.Mesh.Endpoint;

namespace Ztunnel.Gateway;

/// <summary>
/// Sends a request to an endpoint and its answer back. An endpoint that cannot be connected to has seen nothing of the request,
/// so another is tried in its place.
/// </summary>
internal sealed class BackendForwarder(MeshState mesh, GatewayPod gateway, IHttpForwarder forwarder, HttpLimits limits)
{
    private const int MostTries = 3;

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
        if (exchange.Timeout is { } timeout && timeout > TimeSpan.Zero)
            exchange.Deadline = new CancellationTokenSource(timeout);
        using CancellationTokenSource? deadline = exchange.Deadline;
        List<Endpoint>? tried = null;
        LocalReply failure = LocalReply.NoHealthyUpstream;
        while (true)
        {
            Route route = Choose(exchange, tried);
            if (route is Route.Deny)
                break;
            ForwarderError error = await Send(exchange, route, deadline?.Token ?? CancellationToken.None);
            if (error == ForwarderError.None || exchange.Http.Response.HasStarted || exchange.Http.RequestAborted.IsCancellationRequested)
                return;
            failure = Explain(exchange, error, out bool neverSent);
            if (!neverSent || route.Endpoint is not { } endpoint || (tried?.Count ?? 0) + 1 >= MostTries)
                break;
            (tried ??= []).Add(endpoint);
            exchange.Http.Response.Clear();
            await new LoopSwitch(exchange.On.Loop);
        }

        exchange.Http.Response.Clear();
        await exchange.Reply(failure);
    }

    private Route Choose(Exchange exchange, List<Endpoint>? tried)
    {
        LeastRequestsPicker picker = exchange.On.Picker;
        picker.Tried.Clear();
        if (tried is not null)
            picker.Tried.AddRange(tried);
        return exchange.Service is { } service
            ? mesh.RouteToService(gateway.Workload, service, exchange.Port, picker)
            : mesh.RouteToWorkload(exchange.Destination!);
    }

    private async Task<ForwarderError> Send(Exchange exchange, Route route, CancellationToken cancellationToken)
    {
        Upstream upstream = exchange.On.Upstreams.Of(route);
        upstream.Enter();
        try
        {
            ForwarderRequestConfig config = exchange.Protocol == BackendProtocol.Http2 ? _http2 : _http1;
            return await forwarder.SendAsync(exchange.Http, upstream.Prefix, upstream.Client, config, exchange, cancellationToken);
        }
        finally
        {
            upstream.Leave();
        }
    }

    private static LocalReply Explain(Exchange exchange, ForwarderError error, out bool neverSent)
    {
        neverSent = false;
        if (exchange.Deadline is { IsCancellationRequested: true })
            return LocalReply.RequestTimeout;
        Exception? cause = exchange.Http.Features.Get<IForwarderErrorFeature>()?.Exception;
        exchange.Http.Features.Set<IForwarderErrorFeature>(null);
        switch (error)
        {
            case ForwarderError.RequestTimedOut:
                return LocalReply.StreamTimeout;
            case ForwarderError.RequestBodyClient:
                return cause is BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } ? LocalReply.BodyTimeout : LocalReply.BadRequest;
            default:
                break;
        }

        switch ((cause as HttpRequestException)?.HttpRequestError)
        {
            case HttpRequestError.ConnectionError:
                neverSent = true;
                return LocalReply.ConnectFailure;
            case HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError or HttpRequestError.ConfigurationLimitExceeded:
                return LocalReply.ProtocolError;
            default:
                return LocalReply.Disconnected;
        }
    }
}

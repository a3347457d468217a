using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Does what the filters of a rule and its backend say, before the request leaves.</summary>
internal static class RuleFilters
{
    /// <summary>Applies filters in their order. Not null where the request is answered here.</summary>
    /// <param name="filters">The filters.</param>
    /// <param name="exchange">The request, changed.</param>
    /// <param name="match">What the request came in by.</param>
    /// <param name="facts">The request as it came in.</param>
    public static LocalReply? Apply(ValueArray<HttpFilter> filters, Exchange exchange, PathMatch match, in HttpRequestFacts facts)
    {
        foreach (HttpFilter filter in filters)
        {
            switch (filter)
            {
                case HttpFilter.RequestHeaders request:
                    request.Change.Apply(exchange.Http.Request.Headers);
                    break;
                case HttpFilter.ResponseHeaders response:
                    exchange.ChangeResponse(response.Change);
                    break;
                case HttpFilter.UrlRewrite rewrite:
                    exchange.Host = rewrite.Hostname ?? exchange.Host;
                    exchange.Path = rewrite.Path?.Apply(facts.Path, match) ?? exchange.Path;
                    break;
                case HttpFilter.Mirror mirror when mirror.Takes(Random.Shared.NextDouble()):
                    exchange.Mirror(mirror.Target);
                    break;
                case HttpFilter.Redirect redirect:
                    return Redirect(redirect, exchange, match, facts);
                case HttpFilter.Cors cors when Cors(cors.Policy, exchange) is { } answer:
                    return answer;
                case HttpFilter.Unusable unusable:
                    return LocalReply.Fault("filter_fault", unusable.Reason);
            }
        }

        return null;
    }

    private static LocalReply Redirect(HttpFilter.Redirect redirect, Exchange exchange, PathMatch match, in HttpRequestFacts facts)
    {
        ushort port = exchange.Entry switch
        {
            Entry.Listener listener => listener.Port,
            Entry.Tunnel tunnel => (ushort)tunnel.Destination.Port,
            _ => 80,
        };
        string location = redirect.Location(facts, exchange.Entry.Scheme, port, match);
        exchange.ChangeResponse(new HeaderChange { Set = [new HeaderValue("location", location)] });
        return new LocalReply(redirect.StatusCode);
    }

    private static LocalReply? Cors(CorsPolicy policy, Exchange exchange)
    {
        HttpRequest request = exchange.Http.Request;
        exchange.ChangeResponse(CorsReply.HeadersFor(policy, request));
        return CorsReply.IsPreflight(request) ? new LocalReply(StatusCodes.Status200OK) : null;
    }
}

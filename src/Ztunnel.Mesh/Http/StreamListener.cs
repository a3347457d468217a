namespace Ztunnel.Mesh;

/// <summary>One listener of a Gateway for connections that are relayed as they are: TLS by its server name, or TCP.</summary>
public sealed record StreamListener : ServedListener
{
    /// <summary>What is done with TLS.</summary>
    public StreamMode Mode { get; init; }

    /// <summary>The routes attached to it, in any order.</summary>
    public required ValueArray<StreamRoute> Routes
    {
        get;
        init => field = [.. value.Distinct().Order(StreamRoute.Precedence)];
    }

    /// <inheritdoc/>
    public override WireProtocol Wire => Mode == StreamMode.Tcp ? WireProtocol.Tcp : WireProtocol.Tls;

    /// <summary>Where a connection goes: by the most specific hostname, of several routes for that by the oldest; null where none is for it.</summary>
    /// <param name="serverName">The name the client asked for; empty where it named none.</param>
    public HttpRule? RuleFor(ReadOnlySpan<char> serverName)
    {
        foreach (StreamRoute route in Routes.AsSpan())
        {
            if (route.Hostname.Matches(serverName))
                return route.Rule;
        }

        return null;
    }
}

/// <summary>What a listener does with the connections it relays.</summary>
public enum StreamMode
{
    /// <summary>TLS goes on to the backend as it came (<c>tls.mode: Passthrough</c>).</summary>
    Passthrough,

    /// <summary>TLS ends here, and the backend gets what was in it.</summary>
    Terminate,

    /// <summary>There is no TLS, or none of our business.</summary>
    Tcp,
}

/// <summary>A route for connections at a listener.</summary>
/// <param name="Hostname">The server names it is for: what the route and its listener have in common.</param>
/// <param name="Rule">Where they go. It has no filters.</param>
public sealed record StreamRoute(HostnamePattern Hostname, HttpRule Rule)
{
    /// <summary>Those that have precedence first (Gateway API, TLSRoute hostnames and TCPRoute).</summary>
    internal static IComparer<StreamRoute> Precedence { get; } = Comparer<StreamRoute>.Create(Compare);

    private static int Compare(StreamRoute a, StreamRoute b)
    {
        int order = b.Hostname.Specificity.CompareTo(a.Hostname.Specificity);
        if (order == 0)
            order = RouteAge.Compare((a.Rule.Created, a.Rule.Route.Namespace, a.Rule.Route.Name), (b.Rule.Created, b.Rule.Route.Namespace, b.Rule.Route.Name));
        return order == 0 ? string.CompareOrdinal(a.Hostname.ToString(), b.Hostname.ToString()) : order;
    }
}

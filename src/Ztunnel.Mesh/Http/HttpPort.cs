using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// One port of a gateway pod: the listeners on it, of all Gateways the pod serves. A request belongs to exactly one listener,
/// the most specific for its host, and never falls back to another (Gateway API, listener isolation).
/// </summary>
public sealed class HttpPort
{
    private HttpPort(ushort number, WireProtocol wire, IEnumerable<ServedListener> listeners)
    {
        Number = number;
        Wire = wire;
        All = [.. listeners.OrderByDescending(listener => listener.Hostname.Specificity)];
        Listeners = [.. All.OfType<HttpListener>()];
    }

    /// <summary>The port.</summary>
    public ushort Number { get; }

    /// <summary>What clients begin with on it.</summary>
    public WireProtocol Wire { get; }

    /// <summary>The listeners for HTTP, the most specific first; of each hostname there is one.</summary>
    public ImmutableArray<HttpListener> Listeners { get; }

    /// <summary>These and those that relay connections, the most specific first; of each hostname there is one.</summary>
    public ImmutableArray<ServedListener> All { get; }

    /// <summary>Whether some connections are relayed.</summary>
    public bool Relays => All.Length > Listeners.Length;

    /// <summary>
    /// The ports that a pod serves for <paramref name="gateways"/>, by number. Listeners of several Gateways for the same hosts
    /// become one with the routes of all and the first one's certificates; where they disagree about TLS the first has the port, and
    /// where about what is done with a host's connections, the host.
    /// </summary>
    public static ImmutableArray<HttpPort> Of(IEnumerable<HttpGateway> gateways) =>
    [
        .. gateways
            .OrderBy(gateway => (gateway.Created, gateway.Name.Namespace, gateway.Name.Name), Comparer<(DateTimeOffset?, string, string)>.Create(RouteAge.Compare))
            .SelectMany(gateway => gateway.Listeners)
            .GroupBy(listener => listener.Port)
            .OrderBy(port => port.Key)
            .Select(port => Merge(port.Key, [.. port])),
    ];

    /// <summary>The listener that a connection belongs to by its server name, empty for none; null when none is for it.</summary>
    public ServedListener? ListenerOf(ReadOnlySpan<char> serverName) => Find(All, serverName);

    /// <summary>The listener for requests to a host; null when none is for it.</summary>
    public HttpListener? ListenerFor(ReadOnlySpan<char> host) => Find(Listeners, host);

    /// <summary>
    /// Where a request belongs that came over a connection made for <paramref name="connection"/>, the listener of the TLS server
    /// name: to it, to no listener (404), or to another, for which the client should have connected anew (421).
    /// </summary>
    public ListenerChoice Choose(HttpListener connection, ReadOnlySpan<char> host) => ListenerFor(host) switch
    {
        null => ListenerChoice.None,
        var listener when ReferenceEquals(listener, connection) => ListenerChoice.Same,
        _ => ListenerChoice.Misdirected,
    };

    private static TListener? Find<TListener>(ImmutableArray<TListener> listeners, ReadOnlySpan<char> host)
        where TListener : ServedListener
    {
        foreach (TListener listener in listeners)
        {
            if (listener.Hostname.Matches(host))
                return listener;
        }

        return null;
    }

    private static HttpPort Merge(ushort number, ServedListener[] listeners)
    {
        WireProtocol wire = listeners[0].Wire;
        return new HttpPort(number, wire, listeners.Where(listener => listener.Wire == wire).GroupBy(listener => listener.Hostname).Select(same => Merge([.. same])));
    }

    /// <summary>One listener of several for the same hosts: of those that do the same as the first.</summary>
    private static ServedListener Merge(ServedListener[] same)
    {
        if (same is [var only])
            return only;
        if (same[0] is StreamListener stream)
        {
            StreamListener[] alike = [.. same.OfType<StreamListener>().Where(other => other.Mode == stream.Mode)];
            return stream with { Routes = [.. alike.SelectMany(other => other.Routes)], SharedWith = Others(alike) };
        }

        HttpListener[] all = [.. same.OfType<HttpListener>()];
        return all[0] with { Routes = HttpRouteTable.Combine(all.Select(listener => listener.Routes)), SharedWith = Others(all) };
    }

    private static ValueArray<GatewayName> Others(ServedListener[] merged) =>
        [.. merged.Select(listener => listener.Gateway).Distinct().Where(gateway => gateway != merged[0].Gateway)];
}

/// <summary>Where a request belongs among the listeners of its connection's port.</summary>
public enum ListenerChoice
{
    /// <summary>To the listener of its connection.</summary>
    Same,

    /// <summary>To another listener: to be answered with 421.</summary>
    Misdirected,

    /// <summary>To none: to be answered with 404.</summary>
    None,
}

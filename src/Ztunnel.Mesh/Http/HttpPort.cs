using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// One port of a gateway pod: the listeners on it, of all Gateways the pod serves. A request belongs to exactly one listener,
/// the most specific for its host, and never falls back to another (Gateway API, listener isolation).
/// </summary>
public sealed class HttpPort
{
    private HttpPort(ushort number, bool tls, IEnumerable<HttpListener> listeners)
    {
        Number = number;
        Tls = tls;
        Listeners = [.. listeners.OrderByDescending(listener => listener.Hostname.Specificity)];
    }

    /// <summary>The port.</summary>
    public ushort Number { get; }

    /// <summary>Whether TLS is spoken on it.</summary>
    public bool Tls { get; }

    /// <summary>The listeners, the most specific first; of each hostname there is one.</summary>
    public ImmutableArray<HttpListener> Listeners { get; }

    /// <summary>
    /// The ports that a pod serves for <paramref name="gateways"/>, by number. Listeners of several Gateways for the same hosts
    /// become one with the routes of all and the first one's certificates; where they disagree about TLS the first has the port.
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

    /// <summary>The listener for a host or server name; null when none is for it.</summary>
    public HttpListener? ListenerFor(ReadOnlySpan<char> host)
    {
        foreach (HttpListener listener in Listeners)
        {
            if (listener.Hostname.Matches(host))
                return listener;
        }

        return null;
    }

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

    private static HttpPort Merge(ushort number, HttpListener[] listeners)
    {
        bool tls = listeners[0].Tls;
        IEnumerable<HttpListener> merged = listeners
            .Where(listener => listener.Tls == tls)
            .GroupBy(listener => listener.Hostname)
            .Select(same => same.Count() == 1 ? same.First() : same.First() with
            {
                Routes = HttpRouteTable.Combine(same.Select(listener => listener.Routes)),
                SharedWith = [.. same.Select(listener => listener.Gateway).Distinct().Where(gateway => gateway != same.First().Gateway)],
            });
        return new HttpPort(number, tls, merged);
    }
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

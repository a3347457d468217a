namespace Ztunnel.Hbone;

/// <summary>What a client asks of the other end.</summary>
/// <param name="Authority">Where the tunnel is to lead: <c>ip:port</c>, or <c>host:port</c> towards a waypoint.</param>
/// <param name="Headers">Further fields, such as <c>baggage</c> and <c>traceparent</c>.</param>
public sealed record ConnectRequest(string Authority, IReadOnlyList<TunnelHeader> Headers)
{
    /// <summary>A request without further fields.</summary>
    public ConnectRequest(string authority)
        : this(authority, [])
    {
    }
}

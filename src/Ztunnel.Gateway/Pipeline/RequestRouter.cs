using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Decides what becomes of a request, by how it came in and what it says: at an ingress gateway by listener and host, at a
/// waypoint by the service the client asked for. Pure but for what the model holds at the moment.
/// </summary>
internal static class RequestRouter
{
    /// <summary>Decides.</summary>
    /// <param name="mesh">The model.</param>
    /// <param name="ports">What the gateway listens on now.</param>
    /// <param name="entry">How the request came in.</param>
    /// <param name="facts">What it says.</param>
    public static RouteDecision Decide(MeshState mesh, PortTable ports, Entry entry, in HttpRequestFacts facts) => entry switch
    {
        Entry.Listener listener => AtListener(ports, listener, facts),
        Entry.Tunnel { Service: { } service } tunnel => AtService(mesh, service, tunnel, facts),
        Entry.Tunnel tunnel => new RouteDecision.ToWorkload(tunnel.Destination),
        _ => throw new InvalidOperationException($"No meaning for the entry {entry.GetType().Name}."),
    };

    private static RouteDecision AtListener(PortTable ports, Entry.Listener entry, in HttpRequestFacts facts)
    {
        if (ports.Find(entry.Port) is not { } port || port.ListenerFor(facts.Host) is not { } listener)
            return new RouteDecision.Reply(LocalReply.NotFound);
        // One that holds no longer had its certificate shown; whoever has it now is asked for anew.
        if (entry.Tls && port.ListenerFor(entry.ServerName) is { } connection && port.Choose(connection, facts.Host) == ListenerChoice.Misdirected)
            return new RouteDecision.Reply(LocalReply.Misdirected);
        return listener.Routes.Match(facts) is { } match
            ? new RouteDecision.Rule(match, listener)
            : new RouteDecision.Reply(LocalReply.NotFound);
    }

    private static RouteDecision AtService(MeshState mesh, Service service, Entry.Tunnel entry, in HttpRequestFacts facts)
    {
        ushort port = (ushort)entry.Destination.Port;
        if (mesh.RoutesFor(service.Name, port, entry.Peer.Namespace) is not { } routes)
            return new RouteDecision.ToService(service, port);
        return routes.Match(facts) is { } match
            ? new RouteDecision.Rule(match, null)
            : new RouteDecision.Reply(LocalReply.NotFound);
    }
}

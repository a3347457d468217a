using System.Net;
using Ztunnel.Mesh;
using HttpListener = Ztunnel.Mesh.HttpListener;

namespace Ztunnel.Gateway;

/// <summary>What is to become of a request.</summary>
internal abstract record RouteDecision
{
    private RouteDecision()
    {
    }

    /// <summary>It is answered here.</summary>
    public sealed record Reply(LocalReply Answer) : RouteDecision;

    /// <summary>A rule is for it.</summary>
    /// <param name="Match">How it came to the rule.</param>
    /// <param name="Listener">The listener it came through; null at a waypoint.</param>
    public sealed record Rule(HttpRouteMatch Match, HttpListener? Listener) : RouteDecision;

    /// <summary>It goes where the client sent it: to a service without routes.</summary>
    public sealed record ToService(Service Service, ushort Port) : RouteDecision;

    /// <summary>It goes where the client sent it: to a workload's own address.</summary>
    public sealed record ToWorkload(IPEndPoint Destination) : RouteDecision;
}

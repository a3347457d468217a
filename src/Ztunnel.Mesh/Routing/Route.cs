using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// What to do with a captured connection: the outcome of <see cref="MeshState.Decide"/>. Routes are prepared once and shared,
/// so an equal decision is usually the same object.
/// </summary>
public abstract record Route
{
    private Route()
    {
    }

    /// <summary>
    /// The endpoint that was chosen, where the client asked for a service: what to count the connection on, and what to leave
    /// out when another is to be tried in its place.
    /// </summary>
    public Endpoint? Endpoint { get; internal init; }

    /// <summary>Connect in the clear: the destination is not in the mesh.</summary>
    /// <param name="Destination">Where to connect; null means the address the client asked for.</param>
    /// <param name="Workload">The pod there, where it is known.</param>
    /// <param name="Service">The service whose virtual IP the client asked for, if it did.</param>
    public sealed record Passthrough(IPEndPoint? Destination, Workload? Workload, Service? Service) : Route
    {
        /// <summary>To the address the client asked for, of which nothing is known.</summary>
        public static readonly Passthrough Unchanged = new(null, null, null);
    }

    /// <summary>Open an HBONE tunnel.</summary>
    /// <param name="NextHop">Where to connect: the destination's address and <see cref="CaptureContract.HbonePort"/>.</param>
    /// <param name="Authority">The CONNECT request's <c>:authority</c>, <c>ip:port</c> of the chosen endpoint (IPv6 in brackets).</param>
    /// <param name="ExpectedIdentity">Who the peer must prove to be.</param>
    /// <param name="Destination">The workload at the other end.</param>
    /// <param name="Service">The service whose virtual IP the client asked for, if it did.</param>
    public sealed record Tunnel(
        IPEndPoint NextHop,
        string Authority,
        SpiffeId ExpectedIdentity,
        Workload Destination,
        Service? Service) : Route
    {
        /// <summary>
        /// The waypoint whose instance is at the other end; null when the destination itself is. The authority is then what the
        /// client asked for.
        /// </summary>
        public GatewayName? Waypoint { get; init; }
    }

    /// <summary>Refuse the connection.</summary>
    /// <param name="Reason">The named reason.</param>
    /// <param name="Detail">One line for a person, naming the objects concerned.</param>
    public sealed record Deny(DenyReason Reason, string Detail) : Route;
}

namespace Ztunnel.Mesh;

/// <summary>How a service or workload stands with the waypoint it asks for, as the diagnostics show it.</summary>
/// <param name="Waypoint">The waypoint.</param>
/// <param name="Reason">Whether it is bound, or why not.</param>
/// <param name="Message">One line for a person, in Istio's words with the cause added.</param>
/// <param name="Destination">
/// Where the waypoint is reached, as Istio's dump writes it: <c>namespace/hostname</c> of its service, or <c>/ip</c>. Null while
/// that is not known.
/// </param>
public sealed record WaypointBinding(GatewayName Waypoint, WaypointReason Reason, string Message, string? Destination)
{
    /// <summary>Whether traffic goes through the waypoint.</summary>
    public bool Bound => Reason == WaypointReason.WaypointAccepted;
}

namespace Ztunnel.Mesh;

/// <summary>What a tunnel to a waypoint names as its destination (the CONNECT <c>:authority</c>) where the client asked for a service.</summary>
public enum WaypointAuthority
{
    /// <summary>
    /// The address and port the client asked for. So does Istio's ztunnel, and Istio's waypoints know services by nothing else
    /// unless their mesh spans several networks.
    /// </summary>
    Address,

    /// <summary>The service's hostname and the port the client asked for.</summary>
    Hostname,
}

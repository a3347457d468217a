namespace Ztunnel.Mesh;

/// <summary>How a <see cref="MeshState"/> decides where there is a choice.</summary>
public sealed record MeshOptions
{
    /// <summary>What becomes of a connection that goes past a waypoint.</summary>
    public WaypointBypass WaypointBypass { get; init; } = WaypointBypass.Refuse;

    /// <summary>What tunnels to waypoints name as their destination.</summary>
    public WaypointAuthority WaypointAuthority { get; init; } = WaypointAuthority.Address;
}

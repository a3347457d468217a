namespace Ztunnel.Mesh;

/// <summary>Which waypoint a service or workload asks for.</summary>
public abstract record WaypointRequest
{
    /// <summary>It wants none, whatever else says so (<c>istio.io/use-waypoint: none</c>).</summary>
    public static readonly WaypointRequest OptOut = new None();

    private WaypointRequest()
    {
    }

    /// <summary>It wants this one.</summary>
    /// <param name="Gateway">The waypoint.</param>
    /// <param name="Origin">What says so.</param>
    public sealed record Named(GatewayName Gateway, WaypointOrigin Origin) : WaypointRequest;

    private sealed record None : WaypointRequest;
}

/// <summary>What says that a service or workload wants a waypoint.</summary>
public enum WaypointOrigin
{
    /// <summary>Its own label.</summary>
    Own,

    /// <summary>Its namespace's label.</summary>
    Namespace,

    /// <summary>The waypoint itself, which is for a service account (<see cref="Waypoint.ServiceAccount"/>).</summary>
    ServiceAccount,
}

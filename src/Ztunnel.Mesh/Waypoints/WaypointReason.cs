namespace Ztunnel.Mesh;

/// <summary>How it stands with a waypoint that was asked for. The names are those of Istio's condition <c>istio.io/WaypointBound</c>.</summary>
public enum WaypointReason
{
    /// <summary>Traffic goes through it.</summary>
    WaypointAccepted,

    /// <summary>It does not exist, is no waypoint or has no ready instance: traffic is refused.</summary>
    WaypointIsNotReady,

    /// <summary>Its listener's <c>allowedRoutes</c> does not let this namespace attach: traffic is refused.</summary>
    AttachmentDenied,

    /// <summary>Its <c>istio.io/waypoint-for</c> is for other traffic: traffic goes past it.</summary>
    UnsupportedTrafficType,
}

namespace Ztunnel.Mesh;

/// <summary>What becomes of a connection that reaches a pod directly although the pod or its service is bound to a waypoint.</summary>
public enum WaypointBypass
{
    /// <summary>It is refused, unless it comes from that waypoint or from an ingress gateway that goes directly by design.</summary>
    Refuse,

    /// <summary>It is let through, as by Istio, and the waypoint's policies do not see it.</summary>
    Allow,
}

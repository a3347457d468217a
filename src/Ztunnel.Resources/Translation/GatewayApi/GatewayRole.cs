namespace Ztunnel.Resources;

/// <summary>What a Gateway is to us.</summary>
public enum GatewayRole
{
    /// <summary>Somebody else's.</summary>
    Other,

    /// <summary>An ingress gateway.</summary>
    Ingress,

    /// <summary>An ingress gateway that another mesh runs.</summary>
    Remote,

    /// <summary>A waypoint.</summary>
    Waypoint,

    /// <summary>A gateway between networks.</summary>
    EastWest,
}

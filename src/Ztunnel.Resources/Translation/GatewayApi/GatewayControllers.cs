namespace Ztunnel.Resources;

/// <summary>Which Gateways are ours: by their class's controller, by Istio's own names for classes where the class is not there.</summary>
public static class GatewayControllers
{
    /// <summary>The controller of ingress gateways.</summary>
    public const string Ingress = "istio.io/gateway-controller";

    /// <summary>The controller of waypoints.</summary>
    public const string Waypoint = "istio.io/mesh-controller";

    /// <summary>The controller of gateways that another mesh runs.</summary>
    public const string Remote = "istio.io/unmanaged-gateway";

    /// <summary>The controller of gateways between networks, which are not ours.</summary>
    public const string EastWest = "istio.io/eastwest-controller";

    internal const string HboneProtocol = "HBONE";

    /// <summary>The class of ingress gateways.</summary>
    public const string IngressClass = "istio";

    /// <summary>The class of waypoints.</summary>
    public const string WaypointClass = "istio-waypoint";

    /// <summary>The controller of a class that may not be there; null where nobody knows.</summary>
    public static string? ControllerOf(string className, GatewayClassObject? @class) => @class?.ControllerName ?? className switch
    {
        IngressClass => Ingress,
        WaypointClass => Waypoint,
        "istio-remote" => Remote,
        "istio-east-west" => EastWest,
        _ => null,
    };

    /// <summary>What a Gateway is. One that speaks HBONE is a waypoint whatever its class, unless it is between networks.</summary>
    public static GatewayRole RoleOf(GatewayObject gateway, GatewayClassObject? @class)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        GatewayRole byClass = ControllerOf(gateway.ClassName, @class) switch
        {
            Ingress => GatewayRole.Ingress,
            Waypoint => GatewayRole.Waypoint,
            Remote => GatewayRole.Remote,
            EastWest => GatewayRole.EastWest,
            _ => GatewayRole.Other,
        };
        return byClass != GatewayRole.EastWest && gateway.Listeners.Any(IsHbone) ? GatewayRole.Waypoint : byClass;
    }

    internal static bool IsHbone(GatewayListener listener) => string.Equals(listener.Protocol, HboneProtocol, StringComparison.Ordinal);

    /// <summary>Whether Gateways of a controller are ours.</summary>
    public static bool IsOurs(string? controller) => controller is Ingress or Waypoint or Remote;
}

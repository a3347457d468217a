namespace Ztunnel.Resources;

/// <summary>Which Gateways are ours: by their class's controller, by Istio's own names for classes where the class is not there.</summary>
internal static class GatewayControllers
{
    public const string Ingress = "istio.io/gateway-controller";
    public const string Waypoint = "istio.io/mesh-controller";
    public const string Remote = "istio.io/unmanaged-gateway";
    public const string EastWest = "istio.io/eastwest-controller";

    public const string HboneProtocol = "HBONE";

    /// <summary>The controller of a class that may not be there; null where nobody knows.</summary>
    public static string? ControllerOf(string className, GatewayClassObject? @class) => @class?.ControllerName ?? className switch
    {
        "istio" => Ingress,
        "istio-waypoint" => Waypoint,
        "istio-remote" => Remote,
        "istio-east-west" => EastWest,
        _ => null,
    };

    /// <summary>What a Gateway is. One that speaks HBONE is a waypoint whatever its class, unless it is between networks.</summary>
    public static GatewayRole RoleOf(GatewayObject gateway, GatewayClassObject? @class)
    {
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

    public static bool IsHbone(GatewayListener listener) => string.Equals(listener.Protocol, HboneProtocol, StringComparison.Ordinal);

    public static bool IsOurs(string? controller) => controller is Ingress or Waypoint or Remote;
}

namespace Ztunnel.Resources;

/// <summary>What is made for Gateways is called so (istio/istio, the gateway deployment controller).</summary>
public static class GatewayNaming
{
    /// <summary>On a Gateway: the name of its Deployment and Service, in place of the usual one.</summary>
    public const string NameOverride = "gateway.istio.io/name-override";

    private const string ForServiceAccount = "istio.io/for-service-account";

    /// <summary>The name of a Gateway's Deployment and Service.</summary>
    /// <param name="gateway">The Gateway.</param>
    /// <param name="controller">The controller of its class; null where nobody knows.</param>
    public static string NameOf(GatewayObject gateway, string? controller)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        return gateway.Metadata.Annotations[NameOverride] is { Length: > 0 } other ? other : UsualNameOf(gateway, controller);
    }

    /// <summary>The same unless it is given, which is also the name of its service account.</summary>
    public static string UsualNameOf(GatewayObject gateway, string? controller)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        // What is for a service account is named as in Istio's days of it, by its class too: often it has the name of the very
        // application it stands before.
        return controller == GatewayControllers.Waypoint && AccountOf(gateway) is null
            ? gateway.Metadata.Name
            : $"{gateway.Metadata.Name}-{gateway.ClassName}";
    }

    /// <summary>The service account a waypoint is for; null for one that is not for a single one.</summary>
    public static string? AccountOf(GatewayObject gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        return (gateway.Metadata.Annotations[ForServiceAccount] ?? gateway.Metadata.Labels[ForServiceAccount]) is { Length: > 0 } account ? account : null;
    }
}

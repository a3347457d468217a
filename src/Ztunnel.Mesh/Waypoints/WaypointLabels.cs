namespace Ztunnel.Mesh;

/// <summary>What the labels that Istio gives a meaning to say about waypoints (istio/istio, the ambient controller's waypoint lookup).</summary>
public static class WaypointLabels
{
    /// <summary>On a pod, service or namespace: the name of the waypoint to use, or <c>none</c>.</summary>
    public const string UseWaypoint = "istio.io/use-waypoint";

    /// <summary>Beside <see cref="UseWaypoint"/>: the waypoint's namespace, where that is another.</summary>
    public const string UseWaypointNamespace = "istio.io/use-waypoint-namespace";

    /// <summary>On a service or namespace: whether ingress gateways go through the service's waypoint too.</summary>
    public const string IngressUseWaypoint = "istio.io/ingress-use-waypoint";

    /// <summary>On a pod: the Gateway of its namespace that it is an instance of.</summary>
    public const string GatewayInstance = "gateway.networking.k8s.io/gateway-name";

    /// <summary>On what Istio makes for a Gateway: the controller that made it.</summary>
    public const string ManagedBy = "gateway.istio.io/managed";

    private const string NoWaypoint = "none";

    /// <summary>
    /// The waypoint an object wants: its own label counts, and only where it has none its namespace's. Null when neither says
    /// anything. Each label's waypoint is in the namespace its companion names, and else in the object's own.
    /// </summary>
    public static WaypointRequest? RequestOf(StringMap labels, StringMap namespaceLabels, string @namespace) =>
        Request(labels, @namespace, WaypointOrigin.Own) ?? Request(namespaceLabels, @namespace, WaypointOrigin.Namespace);

    /// <summary>The waypoint a service wants; what Istio makes for waypoints and east-west gateways themselves never wants one.</summary>
    public static WaypointRequest? RequestOfService(StringMap labels, StringMap namespaceLabels, string @namespace)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return labels[ManagedBy] is "istio.io-mesh-controller" or "istio.io-eastwest-controller"
            ? null
            : RequestOf(labels, namespaceLabels, @namespace);
    }

    /// <summary>Whether ingress gateways are to go through a service's waypoint. Its own label wins over its namespace's.</summary>
    public static bool IngressUsesWaypoint(StringMap labels, StringMap namespaceLabels)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(namespaceLabels);
        return BooleanText.Read(labels[IngressUseWaypoint] ?? namespaceLabels[IngressUseWaypoint]) == true;
    }

    /// <summary>The Gateway that a pod is an instance of; null for the ordinary pod.</summary>
    public static GatewayName? InstanceOf(StringMap labels, string @namespace)
    {
        ArgumentNullException.ThrowIfNull(labels);
        return labels[GatewayInstance] is { Length: > 0 } name ? new GatewayName(@namespace, name) : null;
    }

    private static WaypointRequest? Request(StringMap labels, string @namespace, WaypointOrigin origin)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (labels[UseWaypoint] is not { Length: > 0 } name)
            return null;
        if (name is NoWaypoint)
            return WaypointRequest.OptOut;
        string at = labels[UseWaypointNamespace] is { Length: > 0 } elsewhere ? elsewhere : @namespace;
        return new WaypointRequest.Named(new GatewayName(at, name), origin);
    }
}

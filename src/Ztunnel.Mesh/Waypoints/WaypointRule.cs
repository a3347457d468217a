namespace Ztunnel.Mesh;

/// <summary>Istio's rule which waypoint takes whose traffic, as far as it needs no look at the waypoint's instances.</summary>
internal static class WaypointRule
{
    /// <summary>
    /// How a request stands. What the waypoint does not take is no business of its <c>allowedRoutes</c>, so that is asked first.
    /// </summary>
    /// <param name="wanted">The kind of traffic: <see cref="WaypointTraffic.Service"/> or <see cref="WaypointTraffic.Workload"/>.</param>
    /// <param name="gateway">The Gateway asked for; null when there is none of that name.</param>
    /// <param name="consumer">The namespace of who asks.</param>
    /// <param name="consumerLabels">The labels of that namespace.</param>
    public static WaypointReason Judge(WaypointTraffic wanted, Gateway? gateway, string consumer, StringMap consumerLabels)
    {
        if (gateway?.Waypoint is not { } waypoint)
            return WaypointReason.WaypointIsNotReady;
        if ((waypoint.Traffic & wanted) == WaypointTraffic.None)
            return WaypointReason.UnsupportedTrafficType;
        return waypoint.Allowed.Admits(gateway.Name.Namespace, consumer, consumerLabels)
            ? WaypointReason.WaypointAccepted
            : WaypointReason.AttachmentDenied;
    }

    /// <summary>Istio's words for <paramref name="reason"/>; <paramref name="cause"/> says more where it is not ready.</summary>
    public static string Explain(WaypointReason reason, WaypointTraffic wanted, GatewayName gateway, string? cause) => reason switch
    {
        WaypointReason.WaypointAccepted => $"Successfully attached to waypoint {gateway}",
        WaypointReason.AttachmentDenied => $"we are not permitted to attach to waypoint \"{gateway}\" (missing allowedRoutes?)",
        WaypointReason.UnsupportedTrafficType =>
            $"attempting to bind to traffic type \"{(wanted == WaypointTraffic.Service ? "service" : "workload")}\" which the waypoint \"{gateway}\" does not support",
        _ => $"waypoint \"{gateway}\" is not ready: {cause}",
    };
}

namespace Ztunnel.Mesh;

/// <summary>
/// Keeps connections from going past a waypoint: what a pod is bound to, by itself or through a service one of whose ports
/// leads there, is where its connections have to come from. A waypoint that is missing or not ready is nobody, so then
/// nothing passes.
/// </summary>
internal sealed class WaypointGuard(GatewayTable gateways, WaypointRedirect redirect, MeshOptions options, Func<NetworkAddress, AddressEntry?> addresses)
{
    /// <summary>Why a connection is refused that did not come through where it should have; null when it did, or need not have.</summary>
    public PolicyRefusal? Check(in ConnectionFacts facts)
    {
        if (options.WaypointBypass == WaypointBypass.Allow)
            return null;
        Workload destination = facts.Destination;
        var check = new Inspection { Peer = facts.SourceIdentity };
        if (gateways.RequestOf(destination) is { } request)
            InspectWorkload(ref check, destination, request);
        foreach (Endpoint endpoint in addresses(facts.Address)?.Guarded ?? [])
        {
            Service service = endpoint.Service;
            if (endpoint.Address.Port == facts.Port && IsServedBy(destination, endpoint) && service.Waypoint is WaypointRequest.Named named)
                InspectService(ref check, service, named);
        }

        if (check.Demanded is null || check.Satisfied || (check.PassesIngress && check.Peer is { } peer && gateways.IsIngress(peer)))
            return null;
        string through = check.Service is null ? "" : $" as Service {check.Service} is";
        return new PolicyRefusal(
            DenyReason.WaypointBypassed,
            null,
            $"pod {destination} is reached through waypoint {check.Demanded} only{through}, and this came from {check.Peer?.ToString() ?? "a client without identity"}");
    }

    private static bool IsServedBy(Workload destination, Endpoint endpoint) =>
        endpoint.Pod is null
        || (string.Equals(endpoint.Pod, destination.Name, StringComparison.Ordinal)
            && string.Equals(endpoint.Service.Name.Namespace, destination.Namespace, StringComparison.Ordinal));

    private void InspectWorkload(ref Inspection check, Workload workload, WaypointRequest.Named request)
    {
        // What is for a service account takes what is addressed to its pods' services too, and from ingress gateways.
        bool byAccount = request.Origin == WaypointOrigin.ServiceAccount;
        WaypointTraffic wanted = byAccount ? WaypointTraffic.All : WaypointTraffic.Workload;
        if (gateways.Judge(request, wanted, workload.Namespace) != WaypointReason.UnsupportedTrafficType)
            Inspect(ref check, request.Gateway, passIngress: !byAccount, null);
    }

    private void InspectService(ref Inspection check, Service service, WaypointRequest.Named request)
    {
        // Who has no virtual IP is reached at its pods only: nothing addressed to it could go through a waypoint for services.
        if (service.VirtualIps.IsEmpty
            || WaypointRedirect.IsOwnService(service, gateways.Find(request.Gateway))
            || gateways.Judge(request, WaypointTraffic.Service, service.Name.Namespace) == WaypointReason.UnsupportedTrafficType)
        {
            return;
        }

        Inspect(ref check, request.Gateway, passIngress: !service.IngressUsesWaypoint, service);
    }

    private void Inspect(ref Inspection check, GatewayName waypoint, bool passIngress, Service? service)
    {
        if (check.Demanded is null)
        {
            check.Demanded = waypoint;
            check.Service = service;
        }

        check.PassesIngress &= passIngress;
        check.Satisfied |= check.Peer is { } peer && (gateways.IsInstance(peer, waypoint) || redirect.IsReachedAs(peer, waypoint));
    }

    private ref struct Inspection()
    {
        public SpiffeId? Peer { get; init; }

        /// <summary>The first waypoint found that the connection should have come through.</summary>
        public GatewayName? Demanded { get; set; }

        /// <summary>The service that demands it; null when the pod itself does.</summary>
        public Service? Service { get; set; }

        /// <summary>Whether all that is demanded lets ingress gateways pass.</summary>
        public bool PassesIngress { get; set; } = true;

        /// <summary>Whether the peer is one of the waypoints demanded.</summary>
        public bool Satisfied { get; set; }
    }
}

namespace Ztunnel.Mesh;

/// <summary>Why a connection is refused. The log, the metrics and the diagnostics page all print the name.</summary>
public enum DenyReason
{
    /// <summary>The address is a service's virtual IP, but the service has no such TCP port.</summary>
    UnknownServicePort,

    /// <summary>The service has no endpoint of the address family asked for that is ready on this port.</summary>
    NoReadyEndpoints,

    /// <summary>Two pods claim the address and nothing tells which of them is the later, so no identity can be expected there.</summary>
    AddressConflict,

    /// <summary>A DENY policy of the destination matches the connection.</summary>
    DeniedByPolicy,

    /// <summary>The destination has ALLOW policies and none of them matches the connection.</summary>
    NotAllowedByPolicy,

    /// <summary>A CUSTOM policy matches the request, and there is no external authorizer to ask.</summary>
    ExternalAuthorizerMissing,

    /// <summary>The destination takes mutual TLS only, and the connection is plaintext.</summary>
    PlaintextRefused,

    /// <summary>The service or workload is bound to a waypoint that does not exist, does not let it attach, or has no ready instance.</summary>
    WaypointMissing,

    /// <summary>The connection reached a pod directly that is to be reached through its waypoint only.</summary>
    WaypointBypassed,
}

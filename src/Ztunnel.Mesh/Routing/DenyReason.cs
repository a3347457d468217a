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
}

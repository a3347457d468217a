namespace Ztunnel.Diagnostics;

/// <summary>One service in <see cref="ConfigDump.Services"/>.</summary>
public sealed record ServiceDump
{
    /// <summary>The name of the Service or ServiceEntry.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>Its full DNS name.</summary>
    public required string Hostname { get; init; }

    /// <summary>Its virtual IPs as <c>network/ip</c>; the network is always the one without a name.</summary>
    public required IReadOnlyList<string> Vips { get; init; }

    /// <summary>Its virtual addresses that are blocks, as <c>network/cidr</c>; null without any.</summary>
    public IReadOnlyList<string>? CidrVips { get; init; }

    /// <summary>The names of which the server's certificate is to have one; null without any.</summary>
    public IReadOnlyList<string>? SubjectAltNames { get; init; }

    /// <summary>Ours: the names in DNS that its endpoints are found by; null without any.</summary>
    public IReadOnlyList<string>? DnsNames { get; init; }

    /// <summary>Ours: the namespaces whose clients know of it, where those are not all.</summary>
    public IReadOnlyList<string>? ExportTo { get; init; }

    /// <summary>Service port to target port; 0 where the port is named and each endpoint has its own.</summary>
    public required IReadOnlyDictionary<string, int> Ports { get; init; }

    /// <summary>The endpoints, ready or not, by workload UID or, where no workload is known, by <c>/ip</c>.</summary>
    public required IReadOnlyDictionary<string, EndpointDump> Endpoints { get; init; }

    /// <summary><c>IPv4</c>, <c>IPv6</c> or <c>Dual</c>, by the virtual IPs; null for a headless service.</summary>
    public string? IpFamilies { get; init; }

    /// <summary>The waypoint through which what is addressed to the service goes; null without one.</summary>
    public WaypointDump? Waypoint { get; init; }

    /// <summary>Ours: how the service stands with the waypoint it asks for; null when it asks for none.</summary>
    public WaypointBoundDump? WaypointBound { get; init; }

    /// <summary>Which endpoints clients get first; null where all are alike.</summary>
    public LoadBalancerDump? LoadBalancer { get; init; }
}

/// <summary>How a <see cref="ServiceDump"/>'s endpoints are chosen, in ztunnel's words.</summary>
public sealed record LoadBalancerDump
{
    /// <summary>
    /// <c>Standard</c>; <c>Failover</c> where the rest is used when none is near, <c>Strict</c> where it is not; <c>Passthrough</c>
    /// where clients get the very address they ask for.
    /// </summary>
    public required string Mode { get; init; }

    /// <summary>What an endpoint is to have in common with the client, widest first.</summary>
    public required IReadOnlyList<string> RoutingPreferences { get; init; }

    /// <summary><c>OnlyHealthy</c>, or <c>AllowAll</c> where endpoints are used before they are ready.</summary>
    public required string HealthPolicy { get; init; }

    /// <summary>Ours: whether a client gets the same endpoint each time.</summary>
    public bool ClientAffinity { get; init; }
}

/// <summary>One endpoint of a <see cref="ServiceDump"/>.</summary>
public sealed record EndpointDump
{
    /// <summary>The workload behind it; empty where none is known.</summary>
    public required string WorkloadUid { get; init; }

    /// <summary>The service, as <c>namespace/hostname</c>.</summary>
    public required string Service { get; init; }

    /// <summary>Its address as <c>network/ip</c>.</summary>
    public required string Address { get; init; }

    /// <summary>Service port to the port on this endpoint.</summary>
    public required IReadOnlyDictionary<string, int> Port { get; init; }

    /// <summary>Ours: whether new connections are sent to it.</summary>
    public required bool Ready { get; init; }

    /// <summary>Ours: until when it is passed over because it could not be connected to; null while it is not.</summary>
    public DateTimeOffset? EjectedUntil { get; init; }

    /// <summary>Ours: how much of its share of new connections it gets while it comes back from that; null when all.</summary>
    public double? Share { get; init; }
}

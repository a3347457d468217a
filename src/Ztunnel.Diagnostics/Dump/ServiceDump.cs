namespace Ztunnel.Diagnostics;

/// <summary>One service in <see cref="ConfigDump.Services"/>.</summary>
public sealed record ServiceDump
{
    /// <summary>The service's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>Its full DNS name.</summary>
    public required string Hostname { get; init; }

    /// <summary>Its virtual IPs as <c>network/ip</c>; the network is always the one without a name.</summary>
    public required IReadOnlyList<string> Vips { get; init; }

    /// <summary>Service port to target port; 0 where the port is named and each endpoint has its own.</summary>
    public required IReadOnlyDictionary<string, int> Ports { get; init; }

    /// <summary>The endpoints, ready or not, by workload UID or, where no workload is known, by <c>/ip</c>.</summary>
    public required IReadOnlyDictionary<string, EndpointDump> Endpoints { get; init; }

    /// <summary><c>IPv4</c>, <c>IPv6</c> or <c>Dual</c>, by the virtual IPs; null for a headless service.</summary>
    public string? IpFamilies { get; init; }
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
}

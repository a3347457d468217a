using System.Collections.Frozen;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// What a gateway does towards one port of a service that a DestinationRule is about: the rule, and what is under way and has been
/// seen, over all loops. It stays while rules change.
/// </summary>
internal sealed class ServiceTraffic
{
    private readonly OutlierTracker _outliers;
    private TrafficPolicy _policy;
    private string? _tlsFailure;
    private uint _turn;

    public ServiceTraffic(ServiceName service, ushort port, TrafficPolicy policy, TimeProvider time, Func<IEnumerable<IPEndPoint>> endpoints)
    {
        Service = service;
        Port = port;
        _policy = policy;
        _outliers = new OutlierTracker(time, endpoints);
    }

    /// <summary>The service.</summary>
    public ServiceName Service { get; }

    /// <summary>Its port.</summary>
    public ushort Port { get; }

    /// <summary>The rule as it is now.</summary>
    public TrafficPolicy Policy
    {
        get => Volatile.Read(ref _policy);
        set => Volatile.Write(ref _policy, value);
    }

    /// <summary>How much is under way.</summary>
    public PoolLimits Limits { get; } = new();

    /// <summary>Why the last TLS connection to the service did not come about; null after one that did.</summary>
    public string? TlsFailure
    {
        get => Volatile.Read(ref _tlsFailure);
        set => Volatile.Write(ref _tlsFailure, value);
    }

    /// <summary>The endpoints that are left out now; null for none.</summary>
    public FrozenSet<IPEndPoint>? LeftOut => Policy.OutlierDetection is { } rules ? _outliers.LeftOut(rules) : null;

    /// <summary>Whose turn it is, where they take turns.</summary>
    public uint NextTurn() => Interlocked.Increment(ref _turn);

    /// <summary>What has been seen of an endpoint.</summary>
    public EndpointHealth HealthOf(IPEndPoint endpoint) => _outliers.Of(endpoint);

    /// <summary>An endpoint answered.</summary>
    public void Answered(EndpointHealth endpoint, int status)
    {
        if (Policy.OutlierDetection is { } rules)
            _outliers.Answered(endpoint, status, rules);
    }

    /// <summary>An endpoint did not answer.</summary>
    public void Failed(EndpointHealth endpoint, bool tookTooLong)
    {
        if (Policy.OutlierDetection is { } rules)
            _outliers.Failed(endpoint, tookTooLong, rules);
    }

    /// <summary>What is known of it, for people.</summary>
    public TrafficSnapshot Snapshot() => new()
    {
        Service = Service,
        Port = Port,
        Requests = Limits.Requests,
        Connections = Limits.Connections,
        Pending = Limits.Pending,
        Retries = Limits.Retries,
        Overflowed = Limits.Overflowed,
        RetriesOverflowed = Limits.RetriesOverflowed,
        Ejections = _outliers.Ejected,
        LeftOut = Policy.OutlierDetection is { } rules
            ? [.. _outliers.Snapshot(rules).Select(endpoint => new LeftOutEndpoint(endpoint.Address, endpoint.Left, endpoint.Times))]
            : [],
        TlsFailure = TlsFailure,
    };
}

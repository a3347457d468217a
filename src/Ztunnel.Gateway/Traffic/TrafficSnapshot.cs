using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a gateway does towards one port of a service that a DestinationRule is about, at a moment.</summary>
public sealed record TrafficSnapshot
{
    /// <summary>The service.</summary>
    public required ServiceName Service { get; init; }

    /// <summary>Its port.</summary>
    public required ushort Port { get; init; }

    /// <summary>Requests under way.</summary>
    public required int Requests { get; init; }

    /// <summary>Connections in use, other than those of HTTP/2.</summary>
    public required int Connections { get; init; }

    /// <summary>Requests that wait for a connection.</summary>
    public required int Pending { get; init; }

    /// <summary>Tries under way that are not the first.</summary>
    public required int Retries { get; init; }

    /// <summary>How many requests and connections were refused, as there were too many.</summary>
    public required long Overflowed { get; init; }

    /// <summary>How many requests were not tried again, as too many others were.</summary>
    public required long RetriesOverflowed { get; init; }

    /// <summary>How many times an endpoint was left out.</summary>
    public required long Ejections { get; init; }

    /// <summary>The endpoints that are left out.</summary>
    public required IReadOnlyList<LeftOutEndpoint> LeftOut { get; init; }

    /// <summary>Why the last TLS connection did not come about; null after one that did.</summary>
    public string? TlsFailure { get; init; }
}

/// <summary>An endpoint that is left out for a while.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Left">How long still.</param>
/// <param name="Times">How many times in a row it has been.</param>
public sealed record LeftOutEndpoint(IPEndPoint Address, TimeSpan Left, int Times);

/// <summary>What became of copies of requests.</summary>
/// <param name="Sent">How many were sent.</param>
/// <param name="Failed">How many of those had no whole answer.</param>
/// <param name="Dropped">How many were not sent: the mirror has no endpoint, or too many are under way.</param>
public sealed record MirrorCounts(long Sent, long Failed, long Dropped);

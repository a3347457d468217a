namespace Ztunnel.Diagnostics;

/// <summary>What a gateway does towards one port of a service that a DestinationRule is about, in <see cref="ConfigDump.Upstreams"/>.</summary>
public sealed record UpstreamDump
{
    /// <summary>The service, <c>namespace/name</c>.</summary>
    public required string Service { get; init; }

    /// <summary>The port.</summary>
    public required int Port { get; init; }

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

    /// <summary>How many times an endpoint was left out for its errors.</summary>
    public required long Ejections { get; init; }

    /// <summary>The endpoints that are left out now; absent where none is.</summary>
    public IReadOnlyList<LeftOutDump>? LeftOut { get; init; }

    /// <summary>Why the last TLS connection to the service did not come about; absent after one that did.</summary>
    public string? TlsFailure { get; init; }
}

/// <summary>An endpoint that is left out for a while.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="SecondsLeft">How long still.</param>
/// <param name="Times">How many times in a row it has been.</param>
public sealed record LeftOutDump(string Address, int SecondsLeft, int Times);

/// <summary>What became of copies of requests, in <see cref="ConfigDump.Mirrors"/>.</summary>
/// <param name="Sent">How many were sent.</param>
/// <param name="Failed">How many of those had no whole answer.</param>
/// <param name="Dropped">How many were not sent: the mirror has no endpoint, or too many are under way.</param>
public sealed record MirrorDump(long Sent, long Failed, long Dropped);

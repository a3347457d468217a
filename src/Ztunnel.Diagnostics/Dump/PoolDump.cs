namespace Ztunnel.Diagnostics;

/// <summary>The outbound HBONE connections of one pool key on one worker, in <see cref="ConfigDump.Pools"/>.</summary>
public sealed record PoolDump
{
    /// <summary>The worker whose event loop owns them.</summary>
    public required int Worker { get; init; }

    /// <summary>The identity they were opened as.</summary>
    public required string Source { get; init; }

    /// <summary>The address they go to.</summary>
    public required string NextHop { get; init; }

    /// <summary>The identities the peer may have.</summary>
    public required IReadOnlyList<string> Expected { get; init; }

    /// <summary>How many are open.</summary>
    public required int Connections { get; init; }

    /// <summary>How many streams they carry.</summary>
    public required int Streams { get; init; }

    /// <summary>Why the last attempt to open one failed, while it is backed off; otherwise null.</summary>
    public string? LastError { get; init; }
}

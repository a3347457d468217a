namespace Ztunnel.Mesh;

/// <summary>When a request is tried again (Gateway API <c>retry</c>). Connections that fail or are reset and tries that take too long always count.</summary>
public sealed record RetryPolicy
{
    /// <summary>The statuses that are tried again.</summary>
    public ValueArray<int> Codes { get; init; } = [];

    /// <summary>How many tries there may be after the first; null where that is left to us.</summary>
    public int? Attempts { get; init; }

    /// <summary>The least to wait before another try; null where that is left to us.</summary>
    public TimeSpan? Backoff { get; init; }
}

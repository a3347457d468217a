using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>Whether an identity's certificate can be used, in the words of Istio's ztunnel.</summary>
public enum CertificateState
{
    /// <summary>The first request is under way.</summary>
    Initializing,

    /// <summary>There is one within its validity.</summary>
    Available,

    /// <summary>There is none, or it expired; see the last error.</summary>
    Unavailable,
}

/// <summary>One identity's certificate as the diagnostics show it. There is no key in it.</summary>
public sealed record CertificateStatus
{
    /// <summary>Whose it is.</summary>
    public required SpiffeId Identity { get; init; }

    /// <summary>Whether it can be used.</summary>
    public required CertificateState State { get; init; }

    /// <summary>The chain presented, leaf first; empty while there is none. Still shown after it expired.</summary>
    public ImmutableArray<CertificateDescription> Chain { get; init; } = [];

    /// <summary>The roots its peers are verified by.</summary>
    public ImmutableArray<CertificateDescription> Roots { get; init; } = [];

    /// <summary>How many workloads asked for the identity and did not release it.</summary>
    public int References { get; init; }

    /// <summary>Requests failed since the last that did not.</summary>
    public int Failures { get; init; }

    /// <summary>What the last failed request failed of; null once one succeeds.</summary>
    public string? LastError { get; init; }

    /// <summary>When the authority is asked next, for renewal or again; null while a request is under way.</summary>
    public DateTimeOffset? NextAttempt { get; init; }
}

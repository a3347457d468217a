namespace Ztunnel.Diagnostics;

/// <summary>One workload identity and its certificate in <see cref="ConfigDump.Certificates"/>. There is no place for a key.</summary>
public sealed record CertificateDump
{
    /// <summary>The SPIFFE identity.</summary>
    public required string Identity { get; init; }

    /// <summary><c>Available</c>, <c>Initializing</c>, or <c>Unavailable: REASON</c>.</summary>
    public required string State { get; init; }

    /// <summary>The certificate and its intermediates, leaf first; empty while there is none.</summary>
    public IReadOnlyList<CertificateDetail> CertChain { get; init; } = [];

    /// <summary>The roots peers are checked against.</summary>
    public IReadOnlyList<CertificateDetail> RootCerts { get; init; } = [];

    /// <summary>Ours: when it will be renewed.</summary>
    public DateTimeOffset? RenewAt { get; init; }

    /// <summary>Ours: why the last attempt to get one failed; null when it did not.</summary>
    public string? LastError { get; init; }
}

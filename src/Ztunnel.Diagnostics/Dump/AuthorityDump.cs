namespace Ztunnel.Diagnostics;

/// <summary>Who signs certificates and whom peers are verified by, in <see cref="ConfigDump.Authority"/>. There is no place for a key.</summary>
public sealed record AuthorityDump
{
    /// <summary>The roots of the trust bundle.</summary>
    public required IReadOnlyList<CertificateDetail> Roots { get; init; }

    /// <summary>When what the authority signs with ends; nothing it signs is valid for longer.</summary>
    public DateTimeOffset? SignsUntil { get; init; }

    /// <summary>Why the authority does not sign with what it was last given; null while nothing is wrong.</summary>
    public string? Fault { get; init; }

    /// <summary>Why the trust bundle is not what its file says; null while it is.</summary>
    public string? TrustFault { get; init; }
}

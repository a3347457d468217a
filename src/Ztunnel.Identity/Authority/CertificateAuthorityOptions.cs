namespace Ztunnel.Identity;

/// <summary>How the built-in authority signs.</summary>
public sealed record CertificateAuthorityOptions
{
    /// <summary>How far before the moment of signing a certificate becomes valid: what a peer's clock may be behind.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(2);

    /// <summary>
    /// How long a workload certificate is valid from signing on; cut short where the authority's own ends sooner.
    /// </summary>
    public TimeSpan LeafLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long the root made for an authority that lives in memory is valid.</summary>
    public TimeSpan RootLifetime { get; init; } = TimeSpan.FromDays(3650);

    /// <summary>How often an authority loaded from a directory looks whether its files changed.</summary>
    public TimeSpan WatchInterval { get; init; } = TrustBundle.DefaultWatchInterval;
}

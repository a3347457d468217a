namespace Ztunnel.Identity;

/// <summary>When and how hard the store asks for certificates.</summary>
public sealed record CertificateStoreOptions
{
    /// <summary>
    /// Requests to the authority at once. Renewals and retries take at most half of them, so that identities which fail or
    /// hang leave room for the first certificate of a new one.
    /// </summary>
    public int MaxConcurrentRequests { get; init; } = 8;

    /// <summary>How long one request may take before it counts as failed and gives its place to the next.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How far a renewal may fall from half of the time a certificate has left when it arrives, as a part of that half:
    /// 0.1 is from 45 % to 55 % of it. Spreads the renewals of identities that were issued together.
    /// </summary>
    public double RenewalJitter { get; init; } = 0.1;

    /// <summary>
    /// The wait after the first failure; doubled with each further one. Each wait is cut by up to half at random.
    /// </summary>
    public TimeSpan RetryInitial { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between failures.</summary>
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromMinutes(1);
}

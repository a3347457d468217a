namespace Ztunnel.Kubernetes;

/// <summary>How an <see cref="ApiClient"/> asks.</summary>
public sealed record ApiClientOptions
{
    /// <summary>How many requests a second it makes in the long run.</summary>
    public double RequestsPerSecond { get; init; } = 50;

    /// <summary>How many it makes at once after a quiet time.</summary>
    public int Burst { get; init; } = 100;

    /// <summary>How long one try of a request may take, its answer included. What a watch waits is its own affair.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a request is tried before it has failed.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>The wait before the second try; it doubles with each, and each is spread by half.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>The longest wait between tries. A server that wants to be left alone for longer is left to the caller.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How the client names itself.</summary>
    public string UserAgent { get; init; } = "ztunnel";
}

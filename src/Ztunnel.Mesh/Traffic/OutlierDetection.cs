namespace Ztunnel.Mesh;

/// <summary>
/// When an endpoint that fails gets no requests for a while (<c>outlierDetection</c>), which each gateway finds out by itself. The
/// defaults are Envoy's and Istio's.
/// </summary>
public sealed record OutlierDetection
{
    /// <summary>So many answers of 500 and above in a row; 0 for never. What has no answer at all counts, unless <see cref="SplitLocalErrors"/>.</summary>
    public int Consecutive5xxErrors { get; init; } = 5;

    /// <summary>So many answers of 502, 503 or 504 in a row, or none at all as above; 0 for never.</summary>
    public int ConsecutiveGatewayErrors { get; init; }

    /// <summary>Whether what fails before an answer is counted by itself (<c>splitExternalLocalOriginErrors</c>).</summary>
    public bool SplitLocalErrors { get; init; }

    /// <summary>So many of those in a row; 0 for never.</summary>
    public int ConsecutiveLocalErrors { get; init; } = 5;

    /// <summary>How often it is looked who may return.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an endpoint is left out the first time; the second time twice as long, and so on.</summary>
    public TimeSpan BaseEjectionTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many of 100 endpoints may be left out. One always may.</summary>
    public int MaxEjectionPercent { get; init; } = 10;

    /// <summary>If fewer of 100 endpoints than this would be left, none is left out.</summary>
    public int MinHealthPercent { get; init; }
}

namespace Ztunnel.Mesh;

/// <summary>How requests to a port of a service are sent (Istio's <c>TrafficPolicy</c>). Null means what holds without a rule.</summary>
public sealed record TrafficPolicy
{
    /// <summary>The policy that changes nothing.</summary>
    public static readonly TrafficPolicy None = new();

    /// <summary>How much may be under way.</summary>
    public ConnectionPool? ConnectionPool { get; init; }

    /// <summary>When an endpoint is left out for a while.</summary>
    public OutlierDetection? OutlierDetection { get; init; }

    /// <summary>Which endpoint has a request.</summary>
    public LoadBalancer? LoadBalancer { get; init; }

    /// <summary>The TLS that the backend itself speaks.</summary>
    public TlsOrigination? Tls { get; init; }
}

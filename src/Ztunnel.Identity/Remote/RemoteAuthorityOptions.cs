namespace Ztunnel.Identity;

/// <summary>Which certificate authority to ask over the network, and how. The defaults are Istio's in a cluster.</summary>
public sealed record RemoteAuthorityOptions
{
    /// <summary>Where a pod has the roots of the mesh: the ConfigMap <c>istio-ca-root-cert</c>, mounted.</summary>
    public const string DefaultRootFile = "/var/run/secrets/istio/root-cert.pem";

    /// <summary>Where a pod has its token for the authority: a projected service account token with audience <c>istio-ca</c>.</summary>
    public const string DefaultTokenFile = "/var/run/secrets/tokens/istio-token";

    /// <summary>Scheme, host and port. The scheme is https: a token is not sent in the clear.</summary>
    public required Uri Address { get; init; }

    /// <summary>
    /// The roots of the mesh, by which the authority is verified and then the peers; watched. Null verifies the authority by the
    /// roots of the system, and takes those of the mesh from its answers.
    /// </summary>
    public string? RootFile { get; init; } = DefaultRootFile;

    /// <summary>The file of the token, read anew for every call.</summary>
    public string TokenFile { get; init; } = DefaultTokenFile;

    /// <summary>The cluster's name, by which an istiod that serves several knows whose token it is.</summary>
    public string ClusterId { get; init; } = "Kubernetes";

    /// <summary>The name in the authority's certificate, where it is another than the address's host.</summary>
    public string? ServerName { get; init; }

    /// <summary>
    /// Whether the identity is asked for in another's name, as a node does for its pods. Otherwise the authority gives that of the
    /// token's service account.
    /// </summary>
    public bool Impersonate { get; init; } = true;

    /// <summary>How long a certificate is asked for; the authority may cut it short.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long one call may take.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the file of the roots is looked at.</summary>
    public TimeSpan WatchInterval { get; init; } = TrustBundle.DefaultWatchInterval;
}

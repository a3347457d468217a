namespace Ztunnel.Mesh;

/// <summary>
/// The TLS that a backend itself speaks (<c>tls</c>): inside the tunnel where the endpoint is in the mesh. What the certificate is
/// checked against is, in this order, the Secret's roots, those in the file, those of the system. What cannot be checked is refused.
/// </summary>
public sealed record TlsOrigination
{
    /// <summary>Which TLS.</summary>
    public TlsOriginationMode Mode { get; init; }

    /// <summary>The server name asked for; null for the service's hostname.</summary>
    public string? Sni { get; init; }

    /// <summary>The names of which the certificate has to have one; none: the server name.</summary>
    public ValueArray<string> SubjectAltNames { get; init; } = [];

    /// <summary>The Secret, in the gateway's namespace, with certificate, key and roots; null for none.</summary>
    public string? CredentialName { get; init; }

    /// <summary>A file of the gateway's with roots; null for none.</summary>
    public string? CaCertificates { get; init; }

    /// <summary>A file of the gateway's with the certificate it shows; null for none.</summary>
    public string? ClientCertificate { get; init; }

    /// <summary>A file of the gateway's with the key of that.</summary>
    public string? PrivateKey { get; init; }

    /// <summary>Whether any certificate will do (<c>insecureSkipVerify</c>).</summary>
    public bool InsecureSkipVerify { get; init; }
}

/// <summary>Which TLS a backend speaks.</summary>
public enum TlsOriginationMode
{
    /// <summary>None.</summary>
    Disable,

    /// <summary>Only the backend shows a certificate.</summary>
    Simple,

    /// <summary>Both do.</summary>
    Mutual,

    /// <summary>The mesh's own: what is in the mesh is reached by tunnel as ever.</summary>
    IstioMutual,
}

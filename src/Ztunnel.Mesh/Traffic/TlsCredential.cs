namespace Ztunnel.Mesh;

/// <summary>
/// What a Secret holds that a <see cref="TlsOrigination.CredentialName"/> names. Nothing that prints it shows the key. A Secret that
/// cannot be used stands here with its <see cref="Fault"/>, so that what needs it is refused with that reason.
/// </summary>
public sealed record TlsCredential
{
    /// <summary>The Secret's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The Secret's name.</summary>
    public required string Name { get; init; }

    /// <summary>What the gateway shows (<c>tls.crt</c> and <c>tls.key</c>, or <c>cert</c> and <c>key</c>); null for nothing.</summary>
    public ListenerCertificate? Certificate { get; init; }

    /// <summary>What the backend's certificate has to lead to, as PEM (<c>ca.crt</c>, or <c>cacert</c>); null for the system's roots.</summary>
    public string? Roots { get; init; }

    /// <summary>Why it cannot be used, in one line; null when nothing is wrong.</summary>
    public string? Fault { get; init; }
}

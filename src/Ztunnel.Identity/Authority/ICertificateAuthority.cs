using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// Who signs workload certificates: the built-in authority, or one that is asked over the network. Safe from any thread; several
/// requests may be under way at once.
/// </summary>
public interface ICertificateAuthority : IDisposable
{
    /// <summary>The roots peers are to be verified by, kept current by the authority.</summary>
    TrustBundle Trust { get; }

    /// <summary>How it stands now.</summary>
    AuthorityStatus Status { get; }

    /// <summary>
    /// Signs a certificate for <paramref name="identity"/> and the key of <paramref name="signingRequest"/>, a PKCS#10
    /// request in DER whose subject alternative name is that identity's URI and nothing else. Fails with
    /// <see cref="IssuanceException"/> when the authority refuses or cannot.
    /// </summary>
    Task<IssuedCertificate> Issue(SpiffeId identity, ReadOnlyMemory<byte> signingRequest, CancellationToken cancellationToken);
}

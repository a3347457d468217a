namespace Ztunnel.IO;

/// <summary>The certificate a peer presented, as an <see cref="IPeerVerifier"/> sees it.</summary>
/// <param name="Der">The leaf, DER-encoded. It may be kept: nobody changes it.</param>
/// <param name="ChainError">
/// OpenSSL's words for why the chain does not lead to a trust root or is not valid now ("certificate has expired"), or null
/// when it is good. Key usage and extended key usage for the peer's role are part of that check; names are not.
/// </param>
/// <param name="ChainErrorCode">OpenSSL's number for the same (X509_V_ERR_...), 0 when the chain is good.</param>
public readonly record struct PeerCertificate(ReadOnlyMemory<byte> Der, string? ChainError, int ChainErrorCode)
{
    /// <summary>True when the chain leads to a trust root and is valid now.</summary>
    public bool ChainVerified => ChainError is null;
}

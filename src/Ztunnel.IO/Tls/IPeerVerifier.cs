namespace Ztunnel.IO;

/// <summary>
/// Our own rule about whom to talk to. Asked during the handshake, on the connection's loop, after OpenSSL has built and
/// checked the chain against the context's trust roots; it must not block.
/// </summary>
public interface IPeerVerifier
{
    /// <summary>
    /// Returns null to accept the peer, or the named reason to refuse it, which ends in <see cref="ChannelFailure"/> of kind
    /// <see cref="FailureKind.PeerRefused"/>. A chain that did not verify is refused whatever this returns; it is asked then
    /// only for a better reason.
    /// </summary>
    /// <param name="peer">The peer's certificate and what OpenSSL made of its chain.</param>
    /// <param name="expectation">What the caller of <see cref="TlsConnection.ConnectAsync"/> expects of this peer; null on accepted connections.</param>
    string? Verify(in PeerCertificate peer, object? expectation);
}

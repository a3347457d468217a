using Ztunnel.IO;

namespace Ztunnel.Testing;

/// <summary>A rule for peers written in place; by default whoever has a good chain will do.</summary>
public sealed class TlsRule(Func<PeerCertificate, object?, string?>? verify = null) : IPeerVerifier
{
    /// <summary>What was last asked about.</summary>
    public PeerCertificate LastSeen { get; private set; }

    /// <inheritdoc/>
    public string? Verify(in PeerCertificate peer, object? expectation)
    {
        LastSeen = peer;
        return verify?.Invoke(peer, expectation);
    }
}

using System.Collections.Frozen;
using System.Collections.Immutable;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>
/// The mesh's rule about peers: the chain ends in the trust bundle, the leaf may not sign, its one URI name is the identity
/// of a service account in a trust domain of ours, and that identity is among those expected. One instance serves all loops.
/// </summary>
/// <remarks>
/// What is expected is a set because a destination may be served under several identities: workloads of one service with
/// different accounts, and aliases of one trust domain, which are listed as identities of their own. Nothing expected
/// (null, as on accepted connections) means any identity of our trust domains; an empty set means none at all.
/// </remarks>
public sealed class MeshPeerVerifier : IPeerVerifier
{
    private const int CertificateNotYetValid = 9; // X509_V_ERR_CERT_NOT_YET_VALID
    private const int CertificateHasExpired = 10; // X509_V_ERR_CERT_HAS_EXPIRED
    private const int MostNamed = 4;

    private readonly FrozenSet<string> _trustDomains;
    private readonly PeerIdentityCache _cache;

    /// <summary>A verifier for peers of these trust domains: our own and its aliases.</summary>
    /// <param name="trustDomains">At least one, as they stand in identities.</param>
    /// <param name="cacheCapacity">
    /// How many certificates to remember, at about half a kilobyte each; up to twice as many are kept.
    /// </param>
    public MeshPeerVerifier(IEnumerable<string> trustDomains, int cacheCapacity = 4096)
    {
        ArgumentNullException.ThrowIfNull(trustDomains);
        ArgumentOutOfRangeException.ThrowIfLessThan(cacheCapacity, 1);
        _trustDomains = trustDomains.ToFrozenSet(StringComparer.Ordinal);
        _cache = new PeerIdentityCache(cacheCapacity);
        if (_trustDomains.Count == 0)
            throw new ArgumentException("without a trust domain every peer would be refused", nameof(trustDomains));
        foreach (string name in _trustDomains)
        {
            if (!SpiffeId.TryCreate(name, "any", "any", out _, out string? reason))
                throw new ArgumentException($"'{name}' is not a trust domain: {reason}", nameof(trustDomains));
        }
    }

    /// <summary>How many certificates are remembered.</summary>
    internal int Remembered => _cache.Count;

    /// <inheritdoc/>
    /// <remarks>
    /// The expectation is a <see cref="SpiffeId"/>, several of them, or null. The reason begins with a <see
    /// cref="PeerRefusal"/>.
    /// </remarks>
    public string? Verify(in PeerCertificate peer, object? expectation) =>
        Judge(peer, expectation, out string text) is { } refusal ? $"{refusal}: {text}" : null;

    /// <summary>
    /// The same as a value: null to accept, or the reason, with a line that names what was expected and presented.
    /// </summary>
    public PeerRefusal? Judge(in PeerCertificate peer, object? expectation, out string text)
    {
        PeerIdentity named = _cache.Get(peer.Der);
        if (named is { Identity: null, Refusal: PeerRefusal.NoCertificate })
            return Refuse(named.Refusal, named, expectation, out text);
        if (!peer.ChainVerified)
            return RefuseChain(peer, named, expectation, out text);
        if (named.Identity is not { } identity)
            return Refuse(named.Refusal, named, expectation, out text);
        if (!_trustDomains.Contains(identity.TrustDomain))
            return Refuse(PeerRefusal.ForeignTrustDomain, named, expectation, out text);
        if (!IsExpected(identity, expectation))
            return Refuse(PeerRefusal.UnexpectedIdentity, named, expectation, out text);
        text = "";
        return null;
    }

    /// <summary>
    /// Whom a certificate names, or null where it names nobody: for certificates this verifier has accepted, which it
    /// remembers. It says nothing about trust.
    /// </summary>
    public SpiffeId? IdentityOf(ReadOnlyMemory<byte> certificateDer) => _cache.Get(certificateDer).Identity;

    private static bool IsExpected(SpiffeId identity, object? expectation) => expectation switch
    {
        null => true,
        ImmutableArray<SpiffeId> { IsDefault: true } => false,
        SpiffeId one => one.Equals(identity),
        IEnumerable<SpiffeId> many => many.Contains(identity),
        _ => false, // a caller's mistake; we are inside a handshake, so it is refused and the text shows its type
    };

    private PeerRefusal RefuseChain(in PeerCertificate peer, PeerIdentity named, object? expectation, out string text)
    {
        PeerRefusal refusal = peer.ChainErrorCode switch
        {
            CertificateHasExpired => PeerRefusal.Expired,
            CertificateNotYetValid => PeerRefusal.NotYetValid,
            _ => PeerRefusal.UntrustedChain,
        };
        Refuse(refusal, named, expectation, out string names);
        text = $"{peer.ChainError}; {names}";
        return refusal;
    }

    private PeerRefusal Refuse(PeerRefusal refusal, PeerIdentity named, object? expectation, out string text)
    {
        text = $"expected {Describe(expectation)}, presented {named.Presented}";
        return refusal;
    }

    private string Describe(object? expectation) => expectation switch
    {
        null => $"any identity of {string.Join(" or ", _trustDomains.Order(StringComparer.Ordinal))}",
        ImmutableArray<SpiffeId> { IsDefault: true } => "nobody",
        SpiffeId one => one.ToString(),
        IEnumerable<SpiffeId> many => Describe([.. many]),
        _ => $"something that is no identity ({expectation.GetType()})",
    };

    private static string Describe(SpiffeId[] many) => many.Length switch
    {
        0 => "nobody",
        <= MostNamed => string.Join(" or ", many.AsEnumerable()),
        _ => $"{string.Join(" or ", many.Take(MostNamed))} or one of {many.Length - MostNamed} more",
    };
}

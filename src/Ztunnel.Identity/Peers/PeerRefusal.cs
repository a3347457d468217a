namespace Ztunnel.Identity;

/// <summary>Why a peer's certificate was refused.</summary>
public enum PeerRefusal
{
    /// <summary>It presented none.</summary>
    NoCertificate,

    /// <summary>The certificate cannot be read.</summary>
    MalformedCertificate,

    /// <summary>Its chain does not end in the trust bundle, or a certificate in it may not do what it is used for.</summary>
    UntrustedChain,

    /// <summary>A certificate of its chain expired.</summary>
    Expired,

    /// <summary>A certificate of its chain is not valid yet.</summary>
    NotYetValid,

    /// <summary>It authenticates with a signing certificate, which X509-SVID section 5.2 forbids.</summary>
    SigningCertificate,

    /// <summary>The certificate has no URI name: whatever it is, it is not a workload of a mesh.</summary>
    NoSpiffeId,

    /// <summary>The certificate has more than one URI name, which X509-SVID section 2 forbids.</summary>
    ManySpiffeIds,

    /// <summary>Its one URI name is not the identity of a service account.</summary>
    MalformedSpiffeId,

    /// <summary>The identity belongs to a trust domain that is not ours.</summary>
    ForeignTrustDomain,

    /// <summary>The identity is valid and not among those expected of this destination.</summary>
    UnexpectedIdentity,
}

namespace Ztunnel.Identity;

/// <summary>Why no certificate was issued.</summary>
public enum IssuanceFailure
{
    /// <summary>The signing request is not a PKCS#10 request, or too large to be one of ours.</summary>
    MalformedRequest,

    /// <summary>The signing request is not signed by the key it names: the asker may not hold that key.</summary>
    BadSignature,

    /// <summary>The signing request asks for another name than the identity it came with.</summary>
    WrongIdentity,

    /// <summary>The key is of a kind or size that is too weak or unknown.</summary>
    UnsuitableKey,

    /// <summary>The authority's own certificate is not valid now, so nothing it signs would be.</summary>
    AuthorityExpired,

    /// <summary>The authority did not answer within the time allowed.</summary>
    TimedOut,

    /// <summary>The authority could not be asked, or failed.</summary>
    Unavailable,

    /// <summary>The authority does not believe who we say we are: our token has expired, or is for another audience.</summary>
    Unauthenticated,

    /// <summary>The authority knows who we are and does not let us have a certificate for that identity.</summary>
    PermissionDenied,

    /// <summary>The token by which the authority would know us cannot be read.</summary>
    TokenUnreadable,

    /// <summary>Who answers at the authority's address does not prove to be the authority.</summary>
    UntrustedAuthority,

    /// <summary>
    /// The authority answered with something that is not a usable certificate for the identity and key asked for.
    /// </summary>
    BadAnswer,
}

/// <summary>No certificate was issued. The message holds no key and no request.</summary>
/// <param name="reason">The class of failure.</param>
/// <param name="detail">One line for a person.</param>
/// <param name="cause">What failed beneath, if anything did.</param>
public sealed class IssuanceException(IssuanceFailure reason, string detail, Exception? cause = null)
    : Exception($"{reason}: {detail}", cause)
{
    /// <summary>The class of failure.</summary>
    public IssuanceFailure Reason { get; } = reason;
}

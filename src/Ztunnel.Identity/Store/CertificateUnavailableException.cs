using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>Why an identity has no certificate to use.</summary>
public enum CertificateUnavailable
{
    /// <summary>Nobody here asked for the identity: no workload with it is enrolled on this node.</summary>
    NotEnrolled,

    /// <summary>The last workload with the identity left while the certificate was waited for.</summary>
    Released,

    /// <summary>The authority has not issued one; the text has its last answer and when it is asked again.</summary>
    NotIssued,

    /// <summary>The certificate's time is over and no renewal has succeeded. It is not used past its end.</summary>
    Expired,
}

/// <summary>An identity has no certificate to use, so nothing may be said in its name.</summary>
/// <param name="reason">The class of reason.</param>
/// <param name="identity">The identity.</param>
/// <param name="detail">One line for a person.</param>
public sealed class CertificateUnavailableException(CertificateUnavailable reason, SpiffeId identity, string detail)
    : Exception($"no certificate for {identity}: {reason}: {detail}")
{
    /// <summary>The class of reason.</summary>
    public CertificateUnavailable Reason { get; } = reason;

    /// <summary>The identity.</summary>
    public SpiffeId Identity { get; } = identity;
}

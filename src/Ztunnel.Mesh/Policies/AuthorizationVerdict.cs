using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>The outcome of <see cref="MeshState.Authorize"/>.</summary>
/// <param name="Refusal">Why the connection is refused; null when it is let in.</param>
/// <param name="Observations">What policies that are only watched had to say; empty where there are none.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct AuthorizationVerdict(PolicyRefusal? Refusal, ImmutableArray<PolicyObservation> Observations)
{
    /// <summary>Whether the connection is let in.</summary>
    public bool Allowed => Refusal is null;
}

/// <summary>Why policy refuses a connection.</summary>
/// <param name="Reason">The named reason.</param>
/// <param name="Policy">The policy that refused it; null where it is that none allowed it.</param>
/// <param name="Detail">The same for a person, in the words users know from Istio.</param>
public sealed record PolicyRefusal(DenyReason Reason, PolicyName? Policy, string Detail)
{
    /// <summary>The refusal of what no ALLOW policy matches.</summary>
    internal static readonly PolicyRefusal NoneAllowed =
        new(DenyReason.NotAllowedByPolicy, null, "allow policies exist, but none allowed");
}

/// <summary>What a policy that is not enforced, being dry-run or AUDIT, found of a connection.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Outcome">What it found.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct PolicyObservation(AuthorizationPolicy Policy, ObservedOutcome Outcome);

/// <summary>What a policy that is not enforced would have done.</summary>
public enum ObservedOutcome
{
    /// <summary>A dry-run policy would have let the connection in.</summary>
    WouldAllow,

    /// <summary>A dry-run policy would have refused it.</summary>
    WouldDeny,

    /// <summary>An AUDIT policy matches it.</summary>
    Audited,
}
